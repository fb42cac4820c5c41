"""Far pans: their flow is the true one, and they are far."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from tests.support.moved_pictures import inner, moved, seeded
from vsrife.training.material import batches, pans
from vsrife.training.material.batches import Mixer
from vsrife.training.material.drawn_scenes import Batch
from vsrife.training.material.pans import draw_pans


def photo(height: int, width: int) -> torch.Tensor:
    """Noise in cells of 8 pixels: what is moved by the wrong way is far from right."""
    coarse = torch.rand((1, 3, height // 8, width // 8), generator=seeded(0))
    return (255 * F.interpolate(coarse, (height, width))[0]).to(torch.uint8)


def motion_of(batch: Batch) -> torch.Tensor:
    """From img0 to img1, (N, 2)."""
    return (batch.flow[:, 2:] - batch.flow[:, :2]).mean((2, 3))


@pytest.mark.parametrize("sides", [(200, 300), (300, 200), (96, 96)])
@pytest.mark.parametrize("image", [0, 1])
def test_flow_warps_each_image_onto_the_truth_where_it_is_visible(sides, image):
    drawn = draw_pans(seeded(1), 12, 96, [photo(*sides)])
    source = drawn.img1 if image else drawn.img0
    seen = inner(drawn.visible[:, image : image + 1]).expand_as(source) > 0
    error = (moved(source, drawn.flow[:, 2 * image : 2 * image + 2]) - drawn.truth).abs()
    assert seen.float().mean() > 0.5
    assert error[seen].mean() < 0.02
    assert error[seen].mean() < (source - drawn.truth).abs()[seen].mean() / 4


def test_they_are_far_and_go_every_way():
    found = motion_of(draw_pans(seeded(2), 64, 96, [photo(200, 300)]))
    least, most = (96 * share for share in pans.LENGTHS)
    assert (found.norm(dim=1) > least - 0.01).all()
    assert (found.norm(dim=1) < most + 0.01).all()
    straight = (found.abs().amin(1) < 1e-3).float().mean()
    assert 0.4 < straight < 0.8
    assert {tuple(way) for way in found.sign().int().tolist()} >= {(1, 1), (-1, 1), (1, -1)}


def test_the_mixer_draws_them_where_there_are_photographs(scenes, monkeypatch):
    footage = SimpleNamespace(photos=[photo(200, 300)])
    monkeypatch.setattr(batches, "REPEATED", 0.0)
    monkeypatch.setattr(batches, "PANNED", 1.0)
    assert Mixer(scenes, None, 8, 64).draw(seeded(0)).truth.shape == (8, 3, 64, 64)
    batch = Mixer(scenes, footage, 8, 64).draw(seeded(0))
    assert batch.truth.shape == (2, 3, 128, 128)
    assert (motion_of(batch).norm(dim=1) > 128 * pans.LENGTHS[0] - 0.01).all()
