"""Pans: their flow is the true one, they are far, and what is on some of them stands still."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from tests.support.moved_pictures import inner, moved, seeded
from vsrife.training.material import batches, pans
from vsrife.training.material.batches import Mixer
from vsrife.training.material.drawn_scenes import Batch, points
from vsrife.training.material.pans import draw_pans


def photo(height: int, width: int) -> torch.Tensor:
    """Noise in cells of 8 pixels: what is moved by the wrong way is far from right."""
    coarse = torch.rand((1, 3, height // 8, width // 8), generator=seeded(0))
    return (255 * F.interpolate(coarse, (height, width))[0]).to(torch.uint8)


def motion_of(batch: Batch) -> torch.Tensor:
    """Of most of the picture, from img0 to img1, (N, 2)."""
    return (batch.flow[:, 2:] - batch.flow[:, :2]).flatten(2).median(2).values


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setattr(pans, "COVERED", 0.0)


@pytest.fixture
def covered(monkeypatch):
    monkeypatch.setattr(pans, "COVERED", 1.0)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("sides", [(200, 300), (300, 200), (96, 96)])
@pytest.mark.parametrize("image", [0, 1])
def test_flow_warps_each_image_onto_the_truth_where_it_is_visible(sides, image, share, monkeypatch):
    monkeypatch.setattr(pans, "COVERED", share)
    drawn = draw_pans(seeded(1), 8, 96, [photo(*sides)])
    source = drawn.img1 if image else drawn.img0
    seen = inner(drawn.visible[:, image : image + 1]).expand_as(source) > 0
    error = (moved(source, drawn.flow[:, 2 * image : 2 * image + 2]) - drawn.truth).abs()
    assert seen.float().mean() > 0.5
    assert error[seen].mean() < 0.02
    assert error[seen].mean() < (source - drawn.truth).abs()[seen].mean() / 4


def test_they_are_far_and_go_every_way(bare):
    found = motion_of(draw_pans(seeded(2), 64, 96, [photo(200, 300)]))
    least, most = (96 * share for share in pans.LENGTHS)
    assert (found.norm(dim=1) > least - 0.01).all()
    assert (found.norm(dim=1) < most + 0.01).all()
    straight = (found.abs().amin(1) < 1e-3).float().mean()
    assert 0.4 < straight < 0.8
    assert {tuple(way) for way in found.sign().int().tolist()} >= {(1, 1), (-1, 1), (1, -1)}


def test_some_have_something_on_them():
    drawn = draw_pans(seeded(3), 30, 48, [photo(200, 300)])
    still = (drawn.flow == 0).all(1).flatten(1).any(1).float().mean()
    assert 0.35 < still < 0.85


@pytest.mark.parametrize("seed", range(3))
def test_what_is_on_them_stands_still_and_is_seen_in_both_images(seed, covered, monkeypatch):
    monkeypatch.setattr(pans, "SOFTEST", 0.01)  # the ground shines through soft edges
    drawn = draw_pans(seeded(seed), 16, 96, [photo(200, 300)])
    still = (drawn.flow == 0).all(1, keepdim=True)
    share = still.flatten(1).float().mean(1)
    assert (share > 0).sum() >= 12  # others lie beyond the edge, or are too fine
    assert share.mean() < 0.4
    assert (drawn.visible.amin(1, keepdim=True)[still] == 1).all()
    # but for what is drawn between two pixels of the shape
    core = -F.max_pool2d(-still.float(), 5, 1, 2) > 0
    for image in (drawn.img0, drawn.img1):
        assert (image - drawn.truth).abs().amax(1, keepdim=True)[core].max() < 1e-6
    lengths = motion_of(drawn).norm(dim=1)
    assert (lengths < 5).sum() >= 4
    assert (lengths > 7).sum() >= 2


def test_it_hides_the_ground_behind_it_and_nothing_else(covered):
    side = 96
    drawn = draw_pans(seeded(5), 12, side, [photo(200, 300)])
    still = (drawn.flow == 0).all(1)
    for image in (0, 1):
        place = (points(drawn.truth) + drawn.flow[:, 2 * image : 2 * image + 2]).round().long()
        inside = ((place >= 1) & (place < side - 1)).all(1)
        x, y = place.clamp(0, side - 1).unbind(1)
        behind = torch.stack([one[j, i] for one, j, i in zip(still, y, x, strict=True)])
        ground = ~still & inside
        assert (ground & behind).any()
        assert ((drawn.visible[:, image] == 0) == behind)[ground].all()


def test_the_mixer_draws_them_where_there_are_photographs(scenes, monkeypatch, bare):
    footage = SimpleNamespace(photos=[photo(200, 300)])
    monkeypatch.setattr(batches, "REPEATED", 0.0)
    monkeypatch.setattr(batches, "PANNED", 1.0)
    assert Mixer(scenes, None, 8, 64).draw(seeded(0)).truth.shape == (8, 3, 64, 64)
    batch = Mixer(scenes, footage, 8, 64).draw(seeded(0))
    assert batch.truth.shape == (2, 3, 128, 128)
    assert (motion_of(batch).norm(dim=1) > 128 * pans.LENGTHS[0] - 0.01).all()
