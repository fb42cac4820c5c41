from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vsrife.network import build
from vsrife.training.drawn_scenes import Batch, Scenes
from vsrife.training.loss import (
    BLOCK_WEIGHT,
    FLAT,
    FLOW_WEIGHTS,
    HARD,
    KNOWN,
    POWER,
    SOFT,
    STATIC,
    detail,
    flow_loss,
    mask_loss,
    psnr,
    pyramid_loss,
    relative_loss,
    static_loss,
    total_loss,
)


@pytest.fixture(scope="module")
def batch(scenes: Scenes) -> Batch:
    return scenes.draw(torch.Generator().manual_seed(3), 4, 64, plain=True)


def sure_mask(batch: Batch) -> torch.Tensor:
    """The logit of a mask that takes what is visible, and both images alike where both are."""
    return 50 * (batch.visible[:, :1] - batch.visible[:, 1:])


def test_the_loss_is_zero_at_the_truth(batch: Batch) -> None:
    trace = [(batch.flow, sure_mask(batch))] * 3
    assert total_loss(batch.truth, trace, batch, 0.0) < 1e-4


def test_each_part_sees_its_own_error(batch: Batch) -> None:
    assert pyramid_loss(batch.truth + 0.1, batch.truth) == pytest.approx(0.1, abs=1e-4)
    shifted = batch.flow + torch.tensor([3.0, 4.0, 3.0, 4.0]).view(1, 4, 1, 1)
    assert flow_loss(shifted, batch) == pytest.approx(5**POWER - HARD**POWER, abs=0.01)
    assert mask_loss(-sure_mask(batch), batch) > 1
    assert mask_loss(sure_mask(batch) + 2, batch) > 0.03  # one image where both are good


def test_the_relative_error_of_each_picture_counts_alike(batch: Batch) -> None:
    assert relative_loss(batch.truth, batch.truth) == 0
    errors = torch.tensor([0.04, 0.2]).view(2, 1, 1, 1)
    truth, halved = batch.truth[:2], torch.tensor([0.5, 1]).view(2, 1, 1, 1)
    whole = relative_loss(truth + errors, truth)
    for better in (halved, halved.flip(0)):  # half the error is a quarter of its square
        gain = whole - relative_loss(truth + errors * better, truth)
        assert gain == pytest.approx(math.log(4) / 2, rel=0.03)


def test_flow_counts_only_where_the_point_is_visible(batch: Batch) -> None:
    wrong = torch.where(batch.visible.repeat_interleave(2, 1) > 0, batch.flow, 1e3)
    assert flow_loss(wrong, batch) == pytest.approx(0, abs=1e-4)
    blind = replace(batch, visible=torch.zeros_like(batch.visible))
    assert flow_loss(wrong, blind) == 0
    assert mask_loss(sure_mask(batch), blind) == 0


def test_flow_of_flat_ground_counts_little_and_that_of_things_on_it_fully(batch: Batch) -> None:
    truth = torch.full((1, 3, 16, 16), 0.5)
    truth[..., 8:] = 0.7  # an edge between columns 7 and 8
    seen = detail(truth)[0, 0, 0]
    assert seen.tolist() == pytest.approx([FLAT] * 7 + [1, 1] + [FLAT] * 7)
    flow, visible = torch.zeros(1, 4, 16, 16), torch.ones(1, 2, 16, 16)
    scene = replace(batch, truth=truth, flow=flow, visible=visible)
    wrong = torch.zeros(2, 1, 4, 16, 16)
    wrong[0, ..., 7:9] = wrong[1, ..., :2] = 1
    at_edge, on_ground = (float(flow_loss(step, scene)) for step in wrong)
    assert on_ground == pytest.approx(FLAT * at_edge, rel=1e-4)


def test_still_is_what_both_images_show_unmoved(scenes: Scenes) -> None:
    batch = scenes.draw(torch.Generator().manual_seed(4), 16, 48, plain=True)
    unmoved = (batch.flow.abs().amax(1, keepdim=True) < STATIC) & (batch.visible.amin(1) > 0)[
        :, None
    ]
    assert 0 < unmoved.float().mean() < 1
    right = torch.where(unmoved, 50.0, -50.0)
    assert static_loss(right, batch) < 1e-6
    assert static_loss(-right, batch) > 40
    blind = replace(batch, visible=torch.zeros_like(batch.visible))
    assert static_loss(-right, blind) == 0
    sure = torch.cat((sure_mask(batch), right), 1)
    assert total_loss(batch.truth, [(batch.flow, sure)], batch, 0.0) < 1e-4
    assert total_loss(batch.truth, [(batch.flow, -sure)], batch, 0.0) > 1


@pytest.mark.parametrize("distance", [0.06, 0.2, 0.49])
def test_points_that_hardly_move_count_neither_as_static_nor_as_moving(
    batch: Batch, distance: float
) -> None:
    flow, seen = torch.zeros(1, 4, 16, 16), torch.ones(1, 2, 16, 16)
    hardly = replace(batch, flow=flow + distance, visible=seen)
    sure = torch.full((1, 1, 16, 16), 50.0)
    assert static_loss(sure, hardly) == static_loss(-sure, hardly) == 0
    # beside points that count: those of the left half stand, those of the right move a pixel
    flow[..., 8:] = 1
    clear = replace(hardly, flow=flow)
    assert static_loss(sure, clear) == pytest.approx(25)
    assert static_loss(-sure, clear) == pytest.approx(25)
    # what is hidden in one image is not static, however little it moves
    hidden = replace(hardly, visible=seen * torch.tensor([1.0, 0]).view(1, 2, 1, 1))
    assert static_loss(sure, hidden) == pytest.approx(50)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("progress", "way"), [(0, 0), (0.25, 0.5), (0.5, 1), (0.75, 1), (1, 1)])
def test_flow_errors_are_softened_less_and_less_up_to_half_of_the_run(
    batch: Batch, progress: float, way: float, known: bool
) -> None:
    """way: how much of the way from the first softness to the last, on a logarithmic scale."""
    wrong = batch.flow + 0.3
    softness = (KNOWN if known else SOFT) ** (1 - way) * HARD**way
    first, last = FLOW_WEIGHTS
    expected = first ** (1 - progress) * last**progress * flow_loss(wrong, batch, softness)
    found = total_loss(batch.truth, [(wrong, sure_mask(batch))], batch, progress, known=known)
    assert float(found) == pytest.approx(float(expected), rel=1e-3)


def test_guidance_by_flow_fades_over_the_run(batch: Batch) -> None:
    trace = [(batch.flow + 20, sure_mask(batch))]
    early, late = (float(total_loss(batch.truth, trace, batch, p)) for p in (0.0, 1.0))
    assert 0 < late < early / 5


def test_later_blocks_weigh_more(batch: Batch) -> None:
    right, wrong = (batch.flow, sure_mask(batch)), (batch.flow + 5, sure_mask(batch))
    first_wrong = total_loss(batch.truth, [wrong, right], batch, 0.0)
    last_wrong = total_loss(batch.truth, [right, wrong], batch, 0.0)
    assert 0 < first_wrong < last_wrong


def test_each_block_answers_for_its_own_step(batch: Batch) -> None:
    first = (batch.flow + 1).requires_grad_()
    trace = [(first, sure_mask(batch)), (first + 5, sure_mask(batch))]
    total_loss(batch.truth, trace, batch, 0.0).backward()
    alone = first.detach().requires_grad_()
    total_loss(batch.truth, [(alone, sure_mask(batch))], batch, 0.0).backward()
    assert first.grad is not None
    assert alone.grad is not None
    # the second one's error of 6 pixels does not pull at the first, whose own weighs a little less
    assert torch.allclose(first.grad, BLOCK_WEIGHT * alone.grad, atol=1e-9)


def test_coarse_errors_cost_more_than_fine_ones_of_the_same_size() -> None:
    truth = torch.zeros(1, 3, 64, 64)
    checks = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2) * 0.2 - 0.1
    coarse = torch.full_like(truth, 0.1)
    coarse[..., :32] = -0.1
    assert pyramid_loss(coarse, truth) > pyramid_loss(checks.expand_as(truth), truth)


def test_a_few_steps_on_one_batch_lower_the_loss(scenes: Scenes) -> None:
    batch = scenes.draw(torch.Generator().manual_seed(3), 4, 64)
    torch.manual_seed(0)
    model = build("nano").train()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        trace: list[tuple[torch.Tensor, torch.Tensor]] = []
        left, right = model.prepare(batch.img0), model.prepare(batch.img1)
        image = model.interpolate(left, right, batch.timestep, trace)
        assert len(trace) == len(model.arch.runs)
        loss = total_loss(image, trace, batch, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.97 * losses[0]


def test_psnr_is_in_decibels_for_each_picture() -> None:
    truth = torch.zeros(2, 3, 8, 8)
    image = torch.stack((torch.full((3, 8, 8), 0.1), torch.zeros(3, 8, 8)))
    assert psnr(image, truth).tolist() == pytest.approx([20, 60])
