"""The loss: image error at several sizes, and errors of flow and mask where these are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.inference import psnr as ratio
from vsrife.training.drawn_scenes import Batch

LEVELS = 5  # of the pyramid, the coarsest 16 times smaller than the picture
BLOCK_WEIGHT = 0.8  # of each block's flow relative to the next one's
# Pixels of flow error up to which its loss is quadratic: at the start, and from the share FIRM of
# the run on. Many points stand still, so the best first guess for an absolute error, the median, is
# no motion at all; only the pull of large errors makes a network leave it
SOFT, HARD, FIRM = 2.0, 0.1, 0.5
KNOWN = 0.6  # at the start, if the first weights know motion
# Exponent of larger errors: below 1, hopeless points do not outweigh those that are nearly right.
# At 0.5 small moving things were taken for static ones: in doubt, no motion is the commonest
POWER = 0.8
# A point's error counts once more for each UNIT pixels that it moves, up to MOST pixels. A coarse
# cell holds a small moving thing and much static ground, which would win by number
UNIT, MOST = 1.0, 4.0
# Points without pattern count the share FLAT: nobody sees their motion, and flat ground around a
# small thing would hold it back. A difference of EDGE to a neighbour is pattern enough
FLAT, EDGE = 0.1, 0.1
FLOW_WEIGHTS = (0.4, 0.02)  # of the flow's error, at the start and at the end
BOTH_WEIGHT = 0.1  # weight of points that both images see, in the mask's error
# Weight of the relative error, the logarithm of the mean square: without it hard pictures outweigh
# those that are nearly right, where a small thing moves on static ground. A mean square below FLOOR
# counts as right
RELATIVE_WEIGHT, FLOOR = 0.02, 3e-6
MASK_WEIGHT = 0.3  # of the mask's error relative to the flow's
STATIC_WEIGHT = 2.0  # of the static mask's error relative to the flow's
STATIC, MOVING = 0.05, 0.5  # pixels of flow below which a point is static, and above which it moves

BEST_PSNR = 60.0  # dB, of equal images, so that means stay finite

Trace = Sequence[tuple[Tensor, Tensor]]


def total_loss(
    image: Tensor,
    trace: Trace,
    batch: Batch,
    progress: float,
    *,
    known: bool = False,
) -> Tensor:
    """One number: the error of `image`, plus errors of flows and masks that fade over the run.

    image (N, 3, H, W) and trace [(flow, mask logit)] of each block as IFNet.interpolate gives them;
    progress: of the run, 0..1; known: the network knows motion already, so large errors need no
    pull.
    """
    loss = pyramid_loss(image, batch.truth) + RELATIVE_WEIGHT * relative_loss(image, batch.truth)
    first, last = FLOW_WEIGHTS
    weight = first * (last / first) ** progress
    start = KNOWN if known else SOFT
    softness = start * (HARD / start) ** min(1.0, progress / FIRM)
    before = torch.zeros_like(batch.flow)
    for i, (flow, logits) in enumerate(trace):
        mask, static = logits[:, :1], logits[:, 1:]
        # each block answers for its own step: errors of later ones would be noise to it
        own = flow - before + before.detach()
        guided = flow_loss(own, batch, softness) + MASK_WEIGHT * mask_loss(mask, batch)
        if static.shape[1]:
            guided = guided + STATIC_WEIGHT * static_loss(static, batch)
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

    This is what PSNR measures: each picture counts the same, however wrong it is.
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
    """How much pattern `image` (N, 3, H, W) has at each point: (N, 1, H, W), FLAT to 1."""
    steps = F.max_pool2d(image, 3, 1, 1) + F.max_pool2d(-image, 3, 1, 1)
    return FLAT + (1 - FLAT) * (steps.amax(1, keepdim=True) / EDGE).clamp(max=1)


def mask_loss(mask: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of `mask` (N, 1, H, W), a logit, above its minimum; 0 if all is right.

    Right is the image that sees the point; if both do, both equally, since two noisy images are
    better than one.
    """
    left, right = batch.visible[:, :1], batch.visible[:, 1:]
    target = (1 + left - right) / 2
    entropy = F.binary_cross_entropy_with_logits(mask, target, reduction="none")
    both = left * right
    return _mean(entropy - math.log(2) * both, (left - right).abs() + BOTH_WEIGHT * both)


def static_loss(static: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of `static` (N, 1, H, W), a logit, where the truth is known.

    A point is static if it does not move and both images see it. It is not if it moves, or if one
    image hides it. Points that hardly move do not count.
    """
    distance = batch.flow.abs().amax(1, keepdim=True)
    target = batch.visible.amin(1, keepdim=True) * (distance < STATIC)
    hidden = batch.visible.sum(1, keepdim=True) == 1
    clear = hidden | (distance < STATIC) | (distance > MOVING)
    entropy = F.binary_cross_entropy_with_logits(static, target, reduction="none")
    return _mean(entropy, batch.visible.amax(1, keepdim=True) * clear)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 where no weight is above 0."""
    total: Tensor = (values * weights).sum() / weights.sum().clamp(min=1)
    return total


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """PSNR (N) in dB of each image against its truth, both (N, 3, H, W) in 0..1; at most 60."""
    pairs = zip(image.cpu().numpy(), truth.cpu().numpy(), strict=True)
    return torch.tensor([min(BEST_PSNR, ratio.psnr(ours, right)) for ours, right in pairs])


def _squares(image: Tensor, truth: Tensor) -> Tensor:
    """Mean square error (N) of each picture."""
    return (image - truth).square().mean((1, 2, 3))
