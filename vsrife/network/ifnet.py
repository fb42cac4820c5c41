"""IFNet, the network of RIFE v4 (Huang et al., ECCV 2022), for every official row.

Coarse to fine, each block corrects two flows and a blend mask; then both frames are warped again.
Written once, over the operations of `vsrife.network.operations.interface`; `vsrife.network.module`
runs it in PyTorch, `vsrife.network.graphs` writes it as ONNX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vsrife.network.block import estimate, growth, outputs
from vsrife.network.operations.interface import Operations, Weights
from vsrife.network.options import RunOptions
from vsrife.network.table import Arch


class Refined[T, P](NamedTuple):
    """Result of all blocks.

    warped: both pictures, warped by flow. flow (N, 4, H, W), pixels, channels 0-1 into the left
    frame, 2-3 into the right one. mask (N, 1, H, W), logit of the left picture's share. clamped:
    what the warp puts beyond 0..1 is cut off the new picture.
    """

    warped: P
    flow: T
    mask: T
    clamped: bool = False


class Watcher[T](NamedTuple):
    """Optional callbacks for intermediate results.

    own: receives block 1's own flow (N, 4, H, W), in an ensemble that of the usual direction; rows
    that rescale decide by it. state: receives flow and mask (N, 1, H, W) after each block.
    """

    own: Callable[[T], None] | None = None
    state: Callable[[T, T], None] | None = None


def interpolate[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    arch: Arch,
    options: RunOptions,
    left: T,
    right: T,
    timestep: T,
) -> T:
    """The image (N, 3, H, W) at `timestep` between two results of `encoder.prepare`.

    left, at time 0, and right, at time 1: (N, 3 + encoder.out, H, W); timestep (N, 1, 1, 1), or a
    map (N, 1, H, W), in 0..1.
    """
    refined = refine(ops, weights, arch, options, ops.stack(left, right), timestep)
    return blend(ops, refined)[0]


def refine[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    arch: Arch,
    options: RunOptions,
    pair: P,
    timestep: T,
    pictures: P | None = None,
    watcher: Watcher[T] | None = None,
) -> Refined[T, P]:
    """Run all blocks. pair: both frames, from `encoder.prepare`; timestep as in `interpolate`.

    pictures: warped by the final flow, any channels and range; None: the frames' images.
    """
    watcher = watcher or Watcher()
    share = (2 if options.doubled else 1) / options.scale
    flow: T | None = None
    mask: T | None = None  # the sum at full size, if blocks correct the mask
    extras: T | None = None  # mask and features of the block before
    grow = 1.0  # pixels at full size per pixel of `extras`
    for i, scale in enumerate(arch.scales):
        s = scale * share
        small = ops.warp_small(pair, flow, s)
        passed_on = [] if flow is None else [ops.resize(flow, 1 / s)]
        if mask is not None:
            passed_on.append(ops.resize(mask, 1 / s))
        elif extras is not None:
            passed_on.append(_fitted(ops, extras, grow, s))
        run = _Run(ops, weights, arch, options, timestep, i, s)
        out = run.estimate(small, passed_on, watcher)
        step, extras = ops.split(out, [4, outputs(arch, i) - 4])
        grow = growth(arch, s)
        flow = _sum(ops, flow, ops.resize(step, grow))
        if arch.mask_adds:
            mask = _sum(ops, mask, ops.resize(extras, grow))
        if watcher.state is not None:
            full = mask if mask is not None else ops.resize(ops.first(extras, 1), grow)
            watcher.state(flow, full)
    assert flow is not None  # every row has blocks
    assert extras is not None
    if mask is None:
        mask = ops.resize(extras, grow)
    if pictures is None:
        pictures = ops.images(pair) if arch.encoder else pair
    return Refined(ops.warp(pictures, flow), flow, mask)


class _Run[T, P, W](NamedTuple):
    """One run of a block at scale s."""

    ops: Operations[T, P, W]
    weights: Weights[W]
    arch: Arch
    options: RunOptions
    timestep: T
    block: int
    s: float

    def estimate(self, small: P, passed_on: list[T], watcher: Watcher[T]) -> T:
        """Output of the block; in an ensemble, the mean of both directions."""
        ops = self.ops
        out = self._one_way(small, passed_on, self.timestep)
        if watcher.own is not None and self.block == 1:
            grow = growth(self.arch, self.s)
            watcher.own(ops.resize(ops.first(out, 4), grow))
        # doubled: in vs-rife, the first block runs in one direction only
        if not self.options.ensemble or (self.options.doubled and self.block == 0):
            return out
        backwards = ops.subtract(1.0, self.timestep)
        mirrored = self._one_way(small, passed_on, backwards, mirrored=True)
        return ops.multiply(ops.add(out, mirrored), 0.5)

    def _one_way(self, small: P, passed_on: list[T], timestep: T, *, mirrored: bool = False) -> T:
        ops, arch, s = self.ops, self.arch, self.s
        mapped = self.options.timestep_map
        time = ops.resize(timestep, 1 / s) if mapped else ops.plane(timestep, s)
        return estimate(
            ops, self.weights, arch, self.block, s, small, passed_on, time, mirrored=mirrored
        )


def blend[T, P, W](ops: Operations[T, P, W], refined: Refined[T, P]) -> tuple[T, T]:
    """The new picture, and warped left minus warped right picture, both (N, C, H, W)."""
    left, right = ops.unstack(refined.warped)
    difference = ops.subtract(left, right)
    # not left * m + right * (1 - m): this form is exact where both are equal
    image = ops.add(right, ops.multiply(ops.sigmoid(refined.mask), difference))
    return ops.clamp(image, 0.0, 1.0) if refined.clamped else image, difference


def _sum[T, P, W](ops: Operations[T, P, W], before: T | None, step: T) -> T:
    return step if before is None else ops.add(before, step)


def _fitted[T, P, W](ops: Operations[T, P, W], x: T, grow: float, s: float) -> T:
    """x, of 1 / grow of the frame's size, resized to 1 / s of it."""
    # equal to enlarging by grow, then reducing by s: all four pixels lie between the same samples
    if s >= 2 and grow >= 2 * s:
        return ops.resize(x, grow / s)
    return ops.resize(ops.resize(x, grow), 1 / s)
