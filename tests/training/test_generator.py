from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.moved_pictures import inner, moved, seeded
from vsrife.errors import ArgumentError
from vsrife.training.material import drawn_scenes as generator_module
from vsrife.training.material.drawn_scenes import Batch, Scenes, _draw_opacities


def fields(batch: Batch) -> dict[str, Tensor]:
    return vars(batch)


@pytest.mark.parametrize("image", [0, 1])
def test_true_flow_warps_each_image_onto_the_truth_where_visible(
    scenes: Scenes, image: int
) -> None:
    batch = scenes.draw(seeded(2), 8, 96, plain=True)
    source = batch.img1 if image else batch.img0
    flow = batch.flow[:, 2 * image : 2 * image + 2]
    seen = inner(batch.visible[:, image : image + 1]).expand_as(source) > 0
    warped = moved(source, flow)
    error = (warped - batch.truth).abs()[seen].mean()
    unmoved = (source - batch.truth).abs()[seen].mean()
    assert seen.float().mean() > 0.5
    # what is left is the blur of bilinear sampling at edges
    assert error < 0.008
    assert error < unmoved / 3


def test_points_that_one_image_alone_sees_are_found(scenes: Scenes) -> None:
    batch = scenes.draw(seeded(2), 8, 96, plain=True)
    left, right = batch.visible.unbind(1)
    hidden = (left == 0) & (right == 1)
    warped = moved(batch.img0, batch.flow[:, :2])
    error = (warped - batch.truth).abs().mean(1)
    assert hidden.float().mean() > 0.005
    assert error[hidden].mean() > 5 * error[left == 1].mean()


def test_all_values_are_in_their_ranges(scenes: Scenes) -> None:
    batch = scenes.draw(seeded(0), 6, 64)
    for image in (batch.img0, batch.img1, batch.truth):
        assert image.shape == (6, 3, 64, 64)
        assert image.min() >= 0
        assert image.max() <= 1
    assert batch.flow.shape == (6, 4, 64, 64)
    assert batch.flow.isfinite().all()
    assert set(batch.visible.unique().tolist()) <= {0.0, 1.0}
    assert ((batch.timestep > 0) & (batch.timestep < 1)).all()


def test_equal_seeds_give_equal_batches_and_others_give_others(scenes: Scenes) -> None:
    first, again, other = (scenes.draw(seeded(seed), 3, 48) for seed in (5, 5, 6))
    for name, value in fields(first).items():
        assert torch.equal(value, fields(again)[name]), name
    assert not torch.equal(first.truth, other.truth)
    twin = Scenes(0, tiles=3, shapes=24)
    assert torch.equal(twin.draw(seeded(5), 3, 48).truth, first.truth)


def test_the_truth_is_nearer_to_the_image_that_is_nearer_in_time(scenes: Scenes) -> None:
    batch = scenes.draw(seeded(4), 40, 48, plain=True)
    t = batch.timestep.flatten()
    way_left, way_right = (
        batch.flow[:, i : i + 2].square().sum(1).sqrt().mean((1, 2)) for i in (0, 2)
    )
    moving = way_left + way_right > 0.1
    early, late = (t < 0.45) & moving, (t > 0.55) & moving
    assert early.any()
    assert late.any()
    assert (way_left < way_right)[early].all()
    assert (way_left > way_right)[late].all()


def test_some_scenes_are_at_half_time(scenes: Scenes) -> None:
    t = scenes.draw(seeded(7), 120, 16).timestep
    assert 12 < int((t == 0.5).sum()) < 40


def test_a_lower_speed_factor_shortens_every_motion(scenes: Scenes) -> None:
    full, slow = (
        scenes.draw(seeded(8), 6, 48, speed_factor=f).flow.abs().mean() for f in (1, 0.25)
    )
    assert 0 < slow < full / 2


def test_layers_fade_evenly_in_time() -> None:
    t = torch.rand(200, generator=seeded(0))
    start, between, end = _draw_opacities(seeded(1), 200, t, plain=False)
    fading = start != end
    assert fading.any()
    assert torch.allclose(between, torch.lerp(start, end, t[:, None]))
    assert set(_draw_opacities(seeded(1), 200, t, plain=True).unique().tolist()) == {0.0, 1.0}


def test_an_open_shutter_blurs_what_moves_and_nothing_else(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_module, "SHUTTER", (0.7, 0.7))
    drawn = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(generator_module, "BLURRED", share)
        drawn.append(scenes.draw(seeded(9), 40, 64))
    sharp, blurred = drawn
    for key in ("timestep", "flow", "visible"):
        assert torch.equal(fields(sharp)[key], fields(blurred)[key])
    change = (sharp.truth - blurred.truth).abs().amax((1, 2, 3))
    distance = sharp.flow.abs().amax((1, 2, 3))
    assert change[distance < 1e-3].median() < 1e-4
    assert change[distance > 3].median() > 0.05
    slopes = [(batch.truth.diff(dim=3).abs()).mean() for batch in drawn]
    assert slopes[1] < 0.95 * slopes[0]


def test_some_scenes_are_pale(scenes: Scenes) -> None:
    batch = scenes.draw(torch.Generator().manual_seed(8), 100, 32)
    plain = scenes.draw(torch.Generator().manual_seed(8), 100, 32, plain=True)
    ratio = batch.truth.std((1, 2, 3)) / plain.truth.std((1, 2, 3)).clamp(min=1e-3)
    pale = (ratio < 0.55).float().mean()
    assert 0.05 < pale < 0.3


def test_some_scenes_stand_still(scenes: Scenes) -> None:
    batch = scenes.draw(seeded(9), 60, 16, plain=True)
    still = batch.flow.abs().amax((1, 2, 3)) < 1e-3
    assert 0 < int(still.sum()) < 20
    assert torch.allclose(batch.img0[still], batch.img1[still], atol=1e-3)


def test_photographs_become_textures() -> None:
    photo = torch.full((3, 200, 210), 255, dtype=torch.uint8)
    sheet = Scenes(0, [photo], tiles=3, shapes=2).sheet
    white = (sheet > 0.999).all(1).float().mean()
    assert white > 0.1


@pytest.mark.parametrize(("count", "size"), [(0, 64), (2, 8)])
def test_too_few_or_too_small_scenes_are_refused(scenes: Scenes, count: int, size: int) -> None:
    with pytest.raises(ArgumentError, match=f"not {count} and {size}"):
        scenes.draw(seeded(0), count, size)
