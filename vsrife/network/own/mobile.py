"""Networks for small machines: strided convolutions down, transposed ones up, flow at half size.

With one scale nothing is warped inside: all operations but the last warp are such as the GPUs of
phones take. Both frames are encoded by the same layers. Coarse blocks are for timestep 0.5; the
finest one reads the timestep. Flow and mask come out at half the frame's size, so that an app can
warp by itself.

After U-Net (Ronneberger et al., MICCAI 2015) and RIFE (Huang et al., ECCV 2022). Written once, over
the operations of `vsrife.network.operations.interface`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vsrife.network.ifnet import Refined
from vsrife.network.operations.interface import Operations, Weights
from vsrife.network.options import RunOptions
from vsrife.network.own.mobile_row import LEVELS, STATE, MobileRow


class Features[T](NamedTuple):
    """What is kept of one frame: image (N, 3, H, W), 0..1, and its encoding at each of LEVELS."""

    image: T
    views: tuple[T, ...]


class Estimated[T](NamedTuple):
    """flow (N, 4, H / 2, W / 2), pixels at the frame's size; mask (N, 1, H / 2, W / 2), logit.

    H and W are those that are seen, `scale` times the frame's. Directions as of `ifnet.Refined`.
    """

    flow: T
    mask: T


def prepare[T, P, W](
    ops: Operations[T, P, W], weights: Weights[W], row: MobileRow, scale: float, image: T
) -> Features[T]:
    """Everything that depends on one frame alone; image (N, 3, H, W), any range.

    scale: at which the frame is seen; sides are multiples of `row.pad_unit(scale)`.
    """
    clamped = ops.clamp(image, 0.0, 1.0)
    with ops.scope("encode"):
        x = ops.to_compute(ops.add(ops.resize(clamped, scale), -0.5))
        found: list[T] = []
        for i in range(len(row.features)):
            weight, bias = (weights[f"encode.conv{i}.{kind}"] for kind in ("weight", "bias"))
            x = ops.leaky(ops.conv(x, f"conv{i}", weight, bias, stride=2))
            found.append(x)
        views = tuple(ops.to_full(x) for x in found[:0:-1])
    return Features(clamped, views)


def estimate[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    row: MobileRow,
    options: RunOptions,
    left: Features[T],
    right: Features[T],
    timestep: T,
    watcher: Callable[[int, T], None] | None = None,
) -> Estimated[T]:
    """Flow and mask at a timestep, (N, 1, 1, 1) in 0..1, or a map (N, 1, H, W).

    watcher: for training, of networks with several scales: receives a level and its state
    (N, 5, H / level, W / level) at timestep 0.5, flow in pixels of the level, then the mask.
    """
    run = _Run(ops, weights, row, options)
    x: T | None = None
    state: T | None = None
    for i, level in enumerate(LEVELS):
        if state is not None:
            state = _finer(ops, state)
        pair = ops.stack(left.views[i], right.views[i])
        x = run.block(level, pair, x, state, timestep)
        if row.scales > 1 and level > LEVELS[-1]:
            with ops.scope(f"block{level}"):
                step = ops.to_full(run.conv(x, f"block{level}", "out"))
            state = step if state is None else ops.add(state, step)
            if watcher is not None:
                watcher(level, state)
    assert x is not None  # there are blocks
    step = ops.to_full(ops.deconv(x, "last", *run.pair("last")))
    state = step if state is None else ops.add(_finer(ops, state), step)
    return run.at(state, timestep)


def refine[T, P, W](
    ops: Operations[T, P, W],
    options: RunOptions,
    estimated: Estimated[T],
    images: P,
    pictures: P | None = None,
) -> Refined[T, P]:
    """Flow and mask at the frame's size, and warped pictures.

    images: of both frames; pictures: any channels and range, warped instead; None: the images.
    """
    grow = 2 / options.scale
    flow, mask = ops.resize(estimated.flow, grow), ops.resize(estimated.mask, grow)
    return Refined(ops.warp(images if pictures is None else pictures, flow), flow, mask)


class _Run[T, P, W](NamedTuple):
    ops: Operations[T, P, W]
    weights: Weights[W]
    row: MobileRow
    options: RunOptions

    def block(self, level: int, pair: P, coarser: T | None, state: T | None, timestep: T) -> T:
        """Features (N, width, H / level, W / level).

        pair: both views; coarser: features of the block before, at half the size; state: flow by
        which the views are warped, in pixels of this level.
        """
        ops, name, index = self.ops, f"block{level}", LEVELS.index(level)
        if state is not None:
            pair = ops.warp(pair, ops.first(state, 4), level / self.options.scale)
        views = ops.side_by_side(pair, self.row.features[-1 - index])
        if coarser is not None:
            with ops.scope(f"block{LEVELS[index - 1]}"):
                coarser = ops.deconv(coarser, "up", *self.pair(f"block{LEVELS[index - 1]}.up"))
        with ops.scope(name):
            x = self.conv(ops.to_compute(views), name, "views")
            x = x if coarser is None else ops.add(x, coarser)
            if level == LEVELS[-1]:
                x = ops.add(x, self._time(timestep, name, level))
            x = ops.leaky(x)
            for j in range(self.row.convs[index]):
                weight, bias = self.pair(f"{name}.body.{j}")
                x = ops.residual(x, f"body.{j}", weight, bias, None, 1)
        return x

    def at(self, state: T, timestep: T) -> Estimated[T]:
        """The state, of timestep 0.5 and half the size, at another one: motion is taken as even."""
        ops = self.ops
        if self.options.timestep_map:
            timestep = ops.resize(timestep, self.options.scale / 2)
        to_left, to_right, mask = ops.split(state, [2, 2, STATE - 4])
        # pixels at half of what is seen to those of the frame
        twice = ops.multiply(timestep, 4 / self.options.scale)
        rest = ops.subtract(4 / self.options.scale, twice)
        flow = ops.join([ops.multiply(to_left, twice), ops.multiply(to_right, rest)])
        return Estimated(flow, mask)

    def conv(self, x: T, prefix: str, name: str) -> T:
        return self.ops.conv(x, name, *self.pair(f"{prefix}.{name}"))

    def pair(self, key: str) -> tuple[W, W]:
        return self.weights[f"{key}.weight"], self.weights[f"{key}.bias"]

    def _time(self, timestep: T, name: str, level: int) -> T:
        ops = self.ops
        if self.options.timestep_map:
            timestep = ops.resize(timestep, self.options.scale / level)
        late = ops.add(timestep, -0.5)
        times = ops.to_compute(ops.join([late, ops.multiply(late, late)]))
        return self.conv(times, name, "time")


def _finer[T, P, W](ops: Operations[T, P, W], state: T) -> T:
    """The same at twice the size, where flow counts twice as many pixels."""
    flow, mask = ops.split(ops.resize(state, 2), [4, STATE - 4])
    return ops.join([ops.multiply(flow, 2.0), mask])
