"""Repeated patterns: their flow is the true one and the short way."""

import pytest
import torch
from torch.nn import functional as F

from tests.support.moved_pictures import inner, moved, seeded
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.training.material import batches, repeated
from vsrife.training.material.batches import Mixer
from vsrife.training.material.repeated import draw_repeated


@pytest.fixture(params=[False, True], ids=["everywhere", "framed"])
def drawn(request, monkeypatch):
    monkeypatch.setattr(repeated, "FRAMED", float(request.param))
    return draw_repeated(seeded(1), 16, 96)


@pytest.mark.parametrize("image", [0, 1])
def test_flow_warps_each_image_onto_the_truth_where_it_is_visible(drawn, image):
    source = drawn.img1 if image else drawn.img0
    seen = inner(drawn.visible[:, image : image + 1]).expand_as(source) > 0
    error = (moved(source, drawn.flow[:, 2 * image : 2 * image + 2]) - drawn.truth).abs()
    unmoved = (source - drawn.truth).abs()
    assert seen.float().mean() > 0.5
    assert error[seen].mean() < 0.01
    assert error[seen].mean() < unmoved[seen].mean() / 3


def test_what_moves_moves_less_than_half_a_period(monkeypatch):
    monkeypatch.setattr(repeated, "PERIODS", (20.0, 20.0))
    monkeypatch.setattr(repeated, "CROSSED", 0.0)
    flow = draw_repeated(seeded(2), 64, 32).flow
    motion = (flow[:, 2:] - flow[:, :2]).norm(dim=1).amax((1, 2))
    assert motion.max() < 10
    assert motion.max() > 7  # and that far, some do


def test_what_a_frame_uncovers_is_not_visible_in_one_image(monkeypatch):
    monkeypatch.setattr(repeated, "FRAMED", 1.0)
    batch = draw_repeated(seeded(3), 16, 96)
    still = (batch.flow == 0).all(1) & (F.max_pool2d(batch.flow.abs(), 25, 1, 12) > 0).any(1)
    left, right = (batch.visible[:, i] == 0 for i in (0, 1))
    assert (still & left).any()
    assert (still & right).any()
    assert not (still & left & right).any()


def test_equal_seeds_and_photos_give_equal_scenes_and_photos_are_seen():
    photos = [torch.randint(0, 256, (3, 200, 220), dtype=torch.uint8, generator=seeded(0))]
    one, two, other = (draw_repeated(seeded(4), 4, 64, p) for p in (photos, photos, ()))
    assert torch.equal(one.truth, two.truth)
    assert not torch.equal(one.truth, other.truth)
    for batch in (one, other):
        for image in (batch.img0, batch.truth, batch.img1):
            assert 0 <= image.min() <= image.max() <= 1


def test_the_mixer_draws_them(scenes, monkeypatch):
    monkeypatch.setattr(batches, "REPEATED", 1.0)
    batch = Mixer(scenes, None, 8, 64).draw(seeded(0))
    assert batch.truth.shape == (2, 3, 128, 128)  # as many pixels in all, but larger pictures
    ops = TorchOperations((128, 128))
    left, _ = ops.unstack(ops.warp(ops.stack(batch.img0, batch.img1), batch.flow))
    seen = inner(batch.visible[:, :1]).expand_as(left) > 0
    assert (left - batch.truth).abs()[seen].mean() < 0.02
