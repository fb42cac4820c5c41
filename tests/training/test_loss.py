from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from vsrife.network.own.pyramid_row import LEVELS
from vsrife.network.table import PYRAMIDS
from vsrife.training.centred import CentredNet
from vsrife.training.first_weights import set_first_weights
from vsrife.training.loop import find
from vsrife.training.loss import (
    BLOCK_WEIGHT,
    CHANGE,
    FINE,
    FINE_WEIGHT,
    FLAT,
    FLOW_HALVES,
    FLOW_WEIGHTS,
    HARD,
    OWN_WEIGHT,
    POWER,
    SOFT,
    SOFT_HALVES,
    Found,
    change,
    detail,
    fine_loss,
    flow_loss,
    mask_loss,
    match_loss,
    meeting_loss,
    psnr,
    pyramid_loss,
    relative_loss,
    total_loss,
)
from vsrife.training.material.drawn_scenes import Batch, Scenes
from vsrife.training.muon import Muon


@pytest.fixture(scope="module")
def batch(scenes: Scenes) -> Batch:
    """Everything moves alike, so that every level can be right."""
    drawn = scenes.draw(torch.Generator().manual_seed(3), 4, 64, plain=True, timestep=0.5)
    flow = torch.tensor([-3.0, 2, 3, -2]).view(1, 4, 1, 1).expand_as(drawn.flow)
    return replace(drawn, flow=flow, visible=torch.ones_like(drawn.visible))


@pytest.fixture(scope="module")
def hidden(batch: Batch) -> Batch:
    """The same where each image hides a part."""
    visible = batch.visible.clone()
    visible[:, 0, :16] = visible[:, 1, -16:] = 0
    return replace(batch, visible=visible)


def sure_mask(batch: Batch) -> torch.Tensor:
    """The logit of a mask that takes what is visible, and both images alike where both are."""
    return 50 * (batch.visible[:, :1] - batch.visible[:, 1:])


def truth_of(batch: Batch) -> Found:
    """What a network that is always right finds, at timestep 0.5."""
    states = {}
    for level in LEVELS:
        # each level's own sampling of the truth would be an error of its own: one flow for all
        flow = batch.flow / level
        rest = torch.cat((sure_mask(batch), torch.zeros_like(flow[:, :1]).repeat(1, 11, 1, 1)), 1)
        states[level] = F.avg_pool2d(torch.cat((flow, rest), 1), level)
    nothing = torch.zeros(len(batch.truth), 3, 2, 2)
    return Found(batch.truth, batch.flow, sure_mask(batch), states, (nothing, nothing), 0)


def test_the_loss_is_zero_at_the_truth(batch: Batch) -> None:
    assert total_loss(truth_of(batch), batch, 0) < 1e-4


def test_each_part_sees_its_own_error(batch: Batch, hidden: Batch) -> None:
    assert pyramid_loss(batch.truth + 0.1, batch.truth) == pytest.approx(0.1, abs=1e-4)
    shifted = batch.flow + torch.tensor([3.0, 4.0, 3.0, 4.0]).view(1, 4, 1, 1)
    assert flow_loss(shifted, batch) == pytest.approx(5**POWER - HARD**POWER, abs=0.01)
    assert mask_loss(-sure_mask(hidden), hidden) > 1
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
    scene = replace(batch, img0=truth, img1=truth, truth=truth, flow=flow, visible=visible)
    wrong = torch.zeros(2, 1, 4, 16, 16)
    wrong[0, ..., 7:9] = wrong[1, ..., :2] = 1
    at_edge, on_ground = (float(flow_loss(step, scene)) for step in wrong)
    assert on_ground == pytest.approx(FLAT * at_edge, rel=1e-4)


def test_flow_of_a_blur_counts_fully_where_standing_still_would_be_wrong(batch: Batch) -> None:
    truth = torch.full((1, 3, 48, 48), 0.5)
    img1 = truth.clone()
    img1[..., 24:] -= 0.05  # half of CHANGE
    changed = change(replace(batch, img0=truth, img1=img1), 48)[0, 0, 0]
    assert changed[2:20].tolist() == [0] * 18
    assert changed[28:-2].tolist() == pytest.approx([0.05 / CHANGE] * 18, rel=1e-4)
    flow, visible = torch.zeros(1, 4, 12, 12), torch.ones(1, 2, 12, 12)
    scene = replace(
        batch, img0=truth, img1=img1, truth=truth[..., :12, :12], flow=flow, visible=visible
    )
    wrong = torch.zeros(2, 1, 4, 12, 12)
    wrong[0, ..., 8:10] = wrong[1, ..., 1:3] = 1  # at a quarter of the images' size
    where_it_changes, elsewhere = (float(flow_loss(step, scene)) for step in wrong)
    assert where_it_changes == pytest.approx(0.05 / CHANGE / FLAT * elsewhere, rel=1e-4)


@pytest.mark.parametrize("step", [0, 600, 1200, 10**6])
def test_flow_errors_are_softened_and_count_less_and_less(batch: Batch, step: int) -> None:
    found = truth_of(batch)
    wrong = replace(found, flow=found.flow + 0.3)
    softness = max(HARD, SOFT * 0.5 ** (step / SOFT_HALVES))
    weight = max(FLOW_WEIGHTS[1], FLOW_WEIGHTS[0] * 0.5 ** (step / FLOW_HALVES))
    seen = [x[:, :, 2::4, 2::4] for x in (wrong.flow, batch.truth, batch.flow, batch.visible)]
    quarter = replace(batch, truth=seen[1], flow=seen[2], visible=seen[3])
    expected = OWN_WEIGHT * weight * flow_loss(seen[0], quarter, softness)
    expected += FINE_WEIGHT * fine_loss(seen[0], quarter)
    assert float(total_loss(wrong, batch, step)) == pytest.approx(float(expected), rel=1e-3)


def test_each_halving_of_a_fine_error_gains_the_same(batch: Batch) -> None:
    assert fine_loss(batch.flow, batch) == 0
    errors = [float(fine_loss(batch.flow + 100 * FINE * 0.5**k, batch)) for k in range(4)]
    steps = [before - after for before, after in itertools.pairwise(errors)]
    share = errors[0] / math.log1p(2 * 100**2)  # of the points that are seen and have detail
    assert steps == pytest.approx([share * math.log(4)] * 3, rel=1e-2)


def test_finer_blocks_weigh_more_but_for_the_finest(batch: Batch) -> None:
    found, losses = truth_of(batch), {}
    for level in found.states:
        wrong = dict(found.states)
        wrong[level] = wrong[level] + torch.eye(16)[0].view(1, -1, 1, 1) * 20 / level
        # what follows answers for the way from there to the truth
        losses[level] = float(total_loss(replace(found, states=wrong), batch, 0))
    assert 0 < losses[32] < losses[16] < losses[8]


def test_each_block_answers_for_its_own_step(batch: Batch) -> None:
    found = truth_of(batch)
    first = (found.states[32] + 0.25).requires_grad_()
    states = {**found.states, 32: first}
    total_loss(replace(found, states=states), batch, 0).backward()
    assert first.grad is not None
    # were the next one's step held against it, the second error would pull the first one back
    alone = first.detach().requires_grad_()
    total_loss(replace(found, states={32: alone}), batch, 0).backward()
    assert alone.grad is not None
    assert torch.allclose(first.grad, BLOCK_WEIGHT**3 * alone.grad, atol=1e-8)


def test_matches_are_right_where_both_images_see_the_point() -> None:
    """Everything moves by (16, -8) pixels; the middle image is half way."""
    flow = torch.tensor([-8.0, 4, 8, -4]).view(1, 4, 1, 1).expand(1, 4, 128, 128)
    truth = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    batch = Batch(
        truth, truth, truth, torch.full((1, 1, 1, 1), 0.5), flow, torch.ones(1, 2, 128, 128)
    )
    there = torch.tensor([16 / 32, -8 / 32, 1]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    back = there * torch.tensor([-1.0, -1, 1]).view(1, 3, 1, 1)
    assert match_loss((there, back), batch, 5) == pytest.approx(0, abs=1e-5)
    assert match_loss((back, there), batch, 5) > 20
    blind = replace(batch, visible=torch.zeros_like(batch.visible))
    assert match_loss((back, there), blind, 5) == 0
    far = replace(batch, flow=flow * 20)  # beyond what cells within the radius reach
    assert match_loss((back, there), far, 5) == 0


def test_what_meets_half_way_is_where_both_images_are_equally_far() -> None:
    """Everything moves by (32, -24) pixels; at 1/16 that is (1, -0.75) cells to either side."""
    flow = torch.tensor([-16.0, 12, 16, -12]).view(1, 4, 1, 1).expand(1, 4, 128, 128)
    truth = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    seen = torch.ones(1, 2, 128, 128)
    batch = Batch(truth, truth, truth.flip(1), torch.full((1, 1, 1, 1), 0.5), flow, seen)

    def loss(shares: dict[tuple[int, int], float], batch: Batch = batch) -> float:
        """shares: of the displacements (u, v), all others have none."""
        logits = torch.full((1, 5, 5, 8, 8), -30.0)
        for (u, v), share in shares.items():
            logits[:, v + 2, u + 2] = math.log(share)
        return float(meeting_loss(16, logits.flatten(1, 2), batch))

    best = loss({(1, -1): 0.75, (1, 0): 0.25})
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert best == pytest.approx(entropy, rel=1e-3)
    assert best < loss({(1, -1): 0.5, (1, 0): 0.5})
    assert loss({(-1, 1): 0.75, (-1, 0): 0.25}) > 20
    wrong = {(0, 0): 1.0}
    assert loss(wrong) > 20
    assert loss(wrong, replace(batch, visible=torch.zeros_like(seen))) == 0
    assert loss(wrong, replace(batch, flow=3 * flow)) == 0  # out of reach
    assert loss(wrong, replace(batch, timestep=torch.full((1, 1, 1, 1), 0.25))) == 0


def test_coarse_errors_cost_more_than_fine_ones_of_the_same_size() -> None:
    truth = torch.zeros(1, 3, 64, 64)
    checks = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2) * 0.2 - 0.1
    coarse = torch.full_like(truth, 0.1)
    coarse[..., :32] = -0.1
    assert pyramid_loss(coarse, truth) > pyramid_loss(checks.expand_as(truth), truth)


def test_a_few_steps_on_one_batch_lower_the_loss(scenes: Scenes) -> None:
    batch = scenes.draw(torch.Generator().manual_seed(3), 2, 64)
    torch.manual_seed(0)
    model = CentredNet(PYRAMIDS["nano"]).train()
    set_first_weights(model)
    optimizer = Muon(model.parameters(), 1e-3)
    losses = []
    for _ in range(8):
        loss = total_loss(find(model, batch), batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.97 * losses[0]


def test_psnr_is_in_decibels_for_each_picture() -> None:
    truth = torch.zeros(2, 3, 8, 8)
    image = torch.stack((torch.full((3, 8, 8), 0.1), torch.zeros(3, 8, 8)))
    assert psnr(image, truth).tolist() == pytest.approx([20, 60])
