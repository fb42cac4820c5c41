"""What training minimises: image error at several sizes, and flow and mask where they are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.drawn_scenes import Batch

LEVELS = 5  # of the pyramid, the coarsest 16 times smaller than the picture
BLOCK_WEIGHT = 0.8  # of each block's flow relative to the next one's
# Pixels of flow error up to which its loss is quadratic, at the start and from FIRM on. Many points
# stand still, and an absolute error's best first guess, the median, would be no motion at all: a
# network starts from there only by the pull of large errors.
SOFT, HARD, FIRM = 2.0, 0.1, 0.5
KNOWN = 0.6  # at the start of a run that begins with weights which know motion
# Of larger errors, so that hopeless points do not drown those that are nearly right. At 0.5 small
# moving things were taken for still ones in the end: where in doubt, the commonest motion is none
POWER = 0.8
# A point's error counts once more for each UNIT that it moves, up to MOST pixels. A coarse cell
# holds a small moving thing and much still ground: by mere number, the ground would have its way
UNIT, MOST = 1.0, 4.0
# Points without any pattern count FLAT of others: nobody sees their motion, and the flat ground
# around a small thing, which may as well stand still, would hold the thing, too. A difference of
# EDGE to a neighbour is pattern enough
FLAT, EDGE = 0.1, 0.1
FLOW_WEIGHTS = (0.4, 0.02)  # of the flow's error, at the start and at the end
BOTH_WEIGHT = 0.1  # of points that both images see, in the mask's error
# Of the relative error, the logarithm of the mean square: without it hard pictures drown those that
# are nearly right, where a small thing moves on still ground. Below FLOOR a mean square is right
RELATIVE_WEIGHT, FLOOR = 0.02, 3e-6
MASK_WEIGHT = 0.3  # of the mask's error relative to the flow's
STILL_WEIGHT = 2.0  # of the error in what stands still, likewise
STILL, MOVING = 0.05, 0.5  # pixels of flow up to which a point stands, and from which on it moves

Trace = Sequence[tuple[Tensor, Tensor]]


def total_loss(
    image: Tensor,
    trace: Trace,
    batch: Batch,
    progress: float,
    *,
    known: bool = False,
) -> Tensor:
    """One number: errors of `image`, plus errors of flows and masks, ever less of those.

    image (N, 3, H, W) and trace [(flow, mask logit)] of each block as IFNet.interpolate gives them;
    progress: of the run, 0..1; known: the network knows motion already, so no pull from afar is
    needed.
    """
    loss = pyramid_loss(image, batch.truth) + RELATIVE_WEIGHT * relative_loss(image, batch.truth)
    first, last = FLOW_WEIGHTS
    weight = first * (last / first) ** progress
    start = KNOWN if known else SOFT
    softness = start * (HARD / start) ** min(1.0, progress / FIRM)
    before = torch.zeros_like(batch.flow)
    for i, (flow, logits) in enumerate(trace):
        mask, still = logits[:, :1], logits[:, 1:]
        # each block answers for its own step: what later ones get wrong would be noise to it
        own = flow - before + before.detach()
        guided = flow_loss(own, batch, softness) + MASK_WEIGHT * mask_loss(mask, batch)
        if still.shape[1]:
            guided = guided + STILL_WEIGHT * still_loss(still, batch)
        loss = loss + weight * BLOCK_WEIGHT ** (len(trace) - 1 - i) * guided
        before = flow
    return loss


def pyramid_loss(image: Tensor, truth: Tensor) -> Tensor:
    """Sum over the levels of a Laplacian pyramid of the mean absolute difference.

    image, truth (N, 3, H, W) in 0..1, sides multiples of 2**(LEVELS - 1). Pyramids are linear, so
    that of the difference is enough.
    """
    rest = image - truth
    loss = rest.new_zeros(())
    for _ in range(LEVELS - 1):
        small = F.avg_pool2d(rest, 2)
        large = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        loss = loss + (rest - large).abs().mean()
        rest = small
    return loss + rest.abs().mean()


def relative_loss(image: Tensor, truth: Tensor) -> Tensor:
    """Mean over the pictures (N, 3, H, W) of ln(1 + mean square / FLOOR); 4.3 dB count 1.

    It is what PSNR measures: each picture counts alike, however far it is from right.
    """
    return torch.log1p(_squares(image, truth) / FLOOR).mean()


def flow_loss(flow: Tensor, batch: Batch, softness: float = HARD) -> Tensor:
    """Mean of error**POWER, in pixels, over the points visible in each image; 0 if all are right.

    Points that move, and those with `detail`, count more. softness: errors well below this many
    pixels count as their square.
    """
    squares = (flow - batch.flow).view(-1, 2, 2, *flow.shape[2:]).square().sum(2)
    error = (squares + softness**2) ** (POWER / 2) - softness**POWER
    distance = batch.flow.view(-1, 2, 2, *batch.flow.shape[2:]).square().sum(2).sqrt()
    return _mean(error, batch.visible * detail(batch.truth) * (1 + distance.clamp(max=MOST) / UNIT))


def detail(image: Tensor) -> Tensor:
    """How far points of `image` (N, 3, H, W) can be told from others: (N, 1, H, W), FLAT to 1."""
    steps = F.max_pool2d(image, 3, 1, 1) + F.max_pool2d(-image, 3, 1, 1)
    return FLAT + (1 - FLAT) * (steps.amax(1, keepdim=True) / EDGE).clamp(max=1)


def mask_loss(mask: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of `mask` (N, 1, H, W), a logit, beyond its least; 0 if all is right.

    Right is the image that sees the point, or both alike, since two noisy ones are better than one.
    """
    left, right = batch.visible[:, :1], batch.visible[:, 1:]
    target = (1 + left - right) / 2
    entropy = F.binary_cross_entropy_with_logits(mask, target, reduction="none")
    both = left * right
    return _mean(entropy - math.log(2) * both, (left - right).abs() + BOTH_WEIGHT * both)


def still_loss(still: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of `still` (N, 1, H, W), a logit, where it is known.

    A point stands still that does not move and is seen in both images; what moves or is hidden in
    one of them does not. Points that hardly move may be either.
    """
    distance = batch.flow.abs().amax(1, keepdim=True)
    target = batch.visible.amin(1, keepdim=True) * (distance < STILL)
    hidden = batch.visible.sum(1, keepdim=True) == 1
    clear = hidden | (distance < STILL) | (distance > MOVING)
    entropy = F.binary_cross_entropy_with_logits(still, target, reduction="none")
    return _mean(entropy, batch.visible.amax(1, keepdim=True) * clear)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 where no weight is above 0."""
    total: Tensor = (values * weights).sum() / weights.sum().clamp(min=1)
    return total


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Decibels (N) of each image against its truth, both (N, 3, H, W) in 0..1; at most 60."""
    return -10 * torch.log10(_squares(image, truth).clamp(min=1e-6))


def _squares(image: Tensor, truth: Tensor) -> Tensor:
    """Mean square error (N) of each picture."""
    return (image - truth).square().mean((1, 2, 3))
