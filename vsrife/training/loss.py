"""The loss: image error at several sizes, and errors of flow and mask where these are known."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.inference import psnr as ratio
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.own.pyramid_row import LEVELS as NETWORK_LEVELS
from vsrife.training.material.drawn_scenes import Batch

LEVELS = 5  # of the pyramid, the coarsest 16 times smaller than the picture
BLOCK_WEIGHT = 0.8  # of each block's flow relative to the next one's
# Pixels of flow error up to which its loss is quadratic: at the start and at the end, halved every
# so many steps. Many points stand still, so the best first guess for an absolute error, the median,
# is no motion at all; only the pull of large errors makes a network leave it
SOFT, HARD, SOFT_HALVES = 2.0, 0.1, 600
# Exponent of larger errors: below 1, hopeless points do not outweigh those that are nearly right.
# At 0.5 small moving things were taken for static ones: in doubt, no motion is the commonest
POWER = 0.8
# A point's error counts once more for each UNIT pixels that it moves, up to MOST pixels. A coarse
# cell holds a small moving thing and much static ground, which would win by number
UNIT, MOST = 1.0, 4.0
# Points without pattern count the share FLAT: nobody sees their motion, and flat ground around a
# small thing would hold it back. A difference of EDGE to a neighbour is pattern enough
FLAT, EDGE = 0.1, 0.1
# A point where the images differ by CHANGE, in the mean of 5x5, counts as one with pattern: blurred
# hands have no edges, and standing still would be far from right there
CHANGE = 0.1
# Of the flow's error, at the start and at the end, halved every so many steps
FLOW_WEIGHTS, FLOW_HALVES = (0.4, 0.08), 2000
# Of the final flow and mask, and of the finest block's, relative to the others': at a quarter of
# the size, flow that is right near an edge smears it. What is sharp there, the picture teaches
OWN_WEIGHT, FINEST_WEIGHT = 0.1, 0.3
IMAGE_WEIGHT = 4.0  # of the picture's error
BOTH_WEIGHT = 0.1  # weight of points that both images see, in the mask's error
# Weight of the relative error, the logarithm of the mean square: without it hard pictures outweigh
# those that are nearly right, where a small thing moves on static ground. A mean square below FLOOR
# counts as right
RELATIVE_WEIGHT, FLOOR = 0.2, 3e-6
MASK_WEIGHT = 0.3  # of the mask's error relative to the flow's
# Of the error of the matches relative to the flow's; up to MATCH_SOFT pixels it is quadratic, and
# each MATCH_UNIT pixels of motion, up to a cell, count once more
MATCH_WEIGHT, MATCH_SOFT, MATCH_UNIT = 0.15, 4.0, 4.0

# Of the cross-entropy of what meets half way. A cell counts at least MEETING_LEAST, and 1 more
# where the images differ by MEETING_CHANGE: standing still would cost nothing elsewhere
MEETING_WEIGHT, MEETING_LEAST, MEETING_CHANGE = 0.04, 0.2, 0.05

# Of the final flow's error on a scale where each halving counts the same, from FINE pixels on: what
# blurs is off by tenths of a pixel, which large errors elsewhere would outweigh
FINE_WEIGHT, FINE = 0.003, 0.05

FINEST = NETWORK_LEVELS[-1]

BEST_PSNR = 60.0  # dB, of equal images, so that means stay finite


@dataclass(frozen=True)
class Found:
    """What a network made of a batch, and what it found on the way.

    image (N, 3, H, W); flow (N, 4, H, W), pixels, and mask (N, 1, H, W), a logit, at the batch's
    timesteps; states {level: (N, 16, H / level, W / level)} at timestep 0.5 and matches, there and
    back, as of `pyramid.Watcher`, None of a network that does not match; radius: the largest match,
    in cells; cut: levels whose flow learns from its own loss alone, not from finer ones'; meetings
    {level: (N, D * D, H / level, W / level)}: logits of what meets half way.
    """

    image: Tensor
    flow: Tensor
    mask: Tensor
    states: Mapping[int, Tensor]
    matches: tuple[Tensor, Tensor] | None = None
    radius: int = 0
    meetings: Mapping[int, Tensor] = field(default_factory=dict)
    cut: Collection[int] = ()


def total_loss(found: Found, batch: Batch, step: int) -> Tensor:
    """One number: the error of the image, plus errors of what was found, which fade with `step`."""
    image = IMAGE_WEIGHT * pyramid_loss(found.image, batch.truth)
    image = image + RELATIVE_WEIGHT * relative_loss(found.image, batch.truth)
    weight = max(FLOW_WEIGHTS[1], FLOW_WEIGHTS[0] * 0.5 ** (step / FLOW_HALVES))
    softness = max(HARD, SOFT * 0.5 ** (step / SOFT_HALVES))
    quarter = _every(batch, FINEST)
    guided = weight * _guided(found, batch, quarter, softness)
    fine = fine_loss(_strided(found.flow, FINEST), quarter)
    loss: Tensor = image + guided + FINE_WEIGHT * fine
    for level, logits in found.meetings.items():
        loss = loss + MEETING_WEIGHT * meeting_loss(level, logits, batch)
    return loss


def _guided(found: Found, batch: Batch, quarter: Batch, softness: float) -> Tensor:
    """Errors of flows, masks and matches, at a quarter of the size: finer, nothing more is seen."""
    own = flow_loss(_strided(found.flow, FINEST), quarter, softness)
    loss = OWN_WEIGHT * (own + MASK_WEIGHT * mask_loss(_strided(found.mask, FINEST), quarter))
    middle = (batch.timestep == 0.5).flatten()
    if middle.any():
        part = _chosen(quarter, middle)
        share = middle.float().mean()
        before = torch.zeros_like(part.flow)
        for i, (level, state) in enumerate(found.states.items()):
            flow, mask = state[middle, :4].float() * level, state[middle, 4:5].float()
            if level > FINEST:
                flow, mask = (_enlarged(x, level // FINEST) for x in (flow, mask))
            # each block answers for its own step: errors of later ones would be noise to it
            step = flow_loss(flow - before + before.detach(), part, softness)
            step = step + MASK_WEIGHT * mask_loss(mask, part)
            kept = FINEST_WEIGHT if level == FINEST else 1.0
            loss = loss + kept * share * BLOCK_WEIGHT ** (len(found.states) - i) * step
            before = flow.detach() if level in found.cut else flow
    if found.matches is None:
        return loss
    return loss + MATCH_WEIGHT * match_loss(found.matches, batch, found.radius)


def meeting_loss(level: int, logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy between the softmax of what meets half way and where things are.

    level: pixels of a cell; logits (N, D * D, H / level, W / level), of D * D displacements from
    the middle to either side, see `Operations.meet`. What is seen at a cell's centre at timestep
    0.5 and in both images counts, if it is within reach: the more, the more it moves, the more
    pattern is in its cell and the more the images differ there. Targets are the four nearest
    displacements.
    """
    middle = (batch.timestep == 0.5).flatten()
    if not middle.any():
        return logits.new_zeros(())
    part = _chosen(batch, middle)
    flow, visible = _strided(part.flow, level), _strided(part.visible, level)
    radius = math.isqrt(logits.shape[1]) // 2
    way = (flow[:, 2:] - flow[:, :2]) / (2 * level)
    reached = way.abs().amax(1, keepdim=True) < radius
    change = F.avg_pool2d((part.img0 - part.img1).abs().mean(1, keepdim=True), level)
    weight = MEETING_LEAST + (change / MEETING_CHANGE).clamp(max=1)
    weight = weight + way.square().sum(1, keepdim=True).sqrt().clamp(max=2)
    weight = weight * reached * visible.amin(1, keepdim=True)
    weight = weight * F.max_pool2d(detail(part.truth), level)
    steps = torch.arange(-radius, radius + 1, device=way.device).view(1, -1, 1, 1)
    across, down = ((1 - (way[:, i : i + 1] - steps).abs()).clamp(min=0) for i in (0, 1))
    target = (down[:, :, None] * across[:, None]).flatten(1, 2)
    error = -(target * F.log_softmax(logits[middle].float(), 1)).sum(1, keepdim=True)
    return _mean(error, weight)


def match_loss(matches: tuple[Tensor, Tensor], batch: Batch, radius: int) -> Tensor:
    """Error of the matches, in pixels, where both images see the point and it is within reach.

    matches: there and back, (N, 3, H / 32, W / 32), see `Found`. What is seen at a point at the
    batch's timestep lies at flow 0-1 in the left and at flow 2-3 in the right image.
    """
    cell, stride = NETWORK_LEVELS[0], 2 * FINEST
    eighth = _every(batch, stride)
    motion = eighth.flow[:, 2:] - eighth.flow[:, :2]
    distance = motion.square().sum(1, keepdim=True).sqrt()
    reached = motion.abs().amax(1, keepdim=True) < cell * (radius - 0.5)
    weight = reached * eighth.visible.amin(1, keepdim=True)
    weight = weight * _strided(detail(batch.truth), stride)
    weight = weight * (1 + distance.clamp(max=cell) / MATCH_UNIT)
    total = batch.truth.new_zeros(())
    for match, into, sign in zip(matches, eighth.flow.tensor_split(2, 1), (1, -1), strict=True):
        enlarged = _enlarged(match[:, :2].float() * cell, cell // stride)
        ops = TorchOperations((enlarged.shape[3], enlarged.shape[2]))
        nothing = torch.zeros_like(into)
        pair = ops.stack(enlarged, enlarged)
        seen, _ = ops.unstack(ops.warp(pair, torch.cat((into / stride, nothing), 1)))
        squares = (seen - sign * motion).square().sum(1, keepdim=True)
        total = total + _mean((squares + MATCH_SOFT**2).sqrt() - MATCH_SOFT, weight)
    return total


def _chosen(batch: Batch, which: Tensor) -> Batch:
    """Those pictures of the batch; which (N): of booleans."""
    return Batch(*(getattr(batch, each.name)[which] for each in fields(Batch)))


def _every(batch: Batch, stride: int) -> Batch:
    """The batch's truth, flow and visible points at one pixel of stride x stride."""
    truth, flow, visible = (_strided(x, stride) for x in (batch.truth, batch.flow, batch.visible))
    return replace(batch, truth=truth, flow=flow, visible=visible)


def _strided(x: Tensor, stride: int) -> Tensor:
    return x[:, :, stride // 2 :: stride, stride // 2 :: stride]


def _enlarged(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


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

    Points that move, those with `detail`, and those where the images differ count more. softness:
    errors well below this many pixels count as their square.
    """
    squares = _flow_squares(flow, batch)
    error = (squares + softness**2) ** (POWER / 2) - softness**POWER
    distance = batch.flow.view(-1, 2, 2, *batch.flow.shape[2:]).square().sum(2).sqrt()
    told = torch.maximum(detail(batch.truth), change(batch, flow.shape[2]))
    return _mean(error, batch.visible * told * (1 + distance.clamp(max=MOST) / UNIT))


def fine_loss(flow: Tensor, batch: Batch) -> Tensor:
    """Mean of ln(1 + (error / FINE)**2) over visible points with `detail`; 0 if all are right."""
    squares = _flow_squares(flow, batch)
    return _mean(torch.log1p(squares / FINE**2), batch.visible * detail(batch.truth))


def detail(image: Tensor) -> Tensor:
    """How much pattern `image` (N, 3, H, W) has at each point: (N, 1, H, W), FLAT to 1."""
    steps = _highest(image) + _highest(-image)
    return FLAT + (1 - FLAT) * (steps.amax(1, keepdim=True) / EDGE).clamp(max=1)


def change(batch: Batch, height: int) -> Tensor:
    """How much the images differ at each point: (N, 1, height, W), 0 to 1; see CHANGE.

    height: a whole part of the images', as of flow at a quarter of the size.
    """
    differences = (batch.img0 - batch.img1).abs().mean(1, keepdim=True)
    means = F.avg_pool2d(differences, 5, 1, 2, count_include_pad=False)
    around = (means / CHANGE).clamp(max=1)
    stride = around.shape[2] // height
    return around if stride == 1 else _strided(around, stride)


def _highest(image: Tensor) -> Tensor:
    """Maximum over 3x3 points, as max_pool2d's, which also finds out where, for far more time."""
    x = F.pad(image, (1, 1, 1, 1), mode="replicate")
    x = torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])
    return torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])


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


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 where no weight is above 0."""
    total: Tensor = (values * weights).sum() / weights.sum().clamp(min=1)
    return total


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """PSNR (N) in dB of each image against its truth, both (N, 3, H, W) in 0..1; at most 60."""
    pairs = zip(image.cpu().numpy(), truth.cpu().numpy(), strict=True)
    return torch.tensor([min(BEST_PSNR, ratio.psnr(ours, right)) for ours, right in pairs])


def _flow_squares(flow: Tensor, batch: Batch) -> Tensor:
    """Squared length of the flow's error into each image, (N, 2, H, W), pixels squared."""
    return (flow - batch.flow).view(-1, 2, 2, *flow.shape[2:]).square().sum(2)


def _squares(image: Tensor, truth: Tensor) -> Tensor:
    """Mean square error (N) of each picture."""
    return (image - truth).square().mean((1, 2, 3))
