"""The pyramid network: a feature pyramid of each frame, matched and corrected coarse to fine.

Each frame is encoded once. Matching at 1/32 and 1/16 of the size finds large motion, from either
frame, and from half way between: there a thing is seen that is equally far away on either side. A
block at each level corrects flow and mask on features warped at that level's size, so nothing but
the last warp is done at full size. The blocks are for timestep 0.5: all new frames of a pair share
their result, `match`. One small block reads the timestep, in `refine`.

After PWC-Net (Sun et al., CVPR 2018) and RIFE (Huang et al., ECCV 2022). Written once, over the
operations of `vsrife.network.operations.interface`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vsrife.network.ifnet import Refined
from vsrife.network.operations.interface import Operations, Weights
from vsrife.network.options import RunOptions
from vsrife.network.own.pyramid_row import LEVELS, MASKS, STATE, VOLUMES, PyramidRow

_SHORTEST = 1e-3  # added to the length of keys: those near 0 match nothing


class Features[T](NamedTuple):
    """What is kept of one frame.

    image (N, 3, H, W), 0..1; bends (N, 2, H, W): of `Operations.bends`; view4, view8, view16: views
    at 1/4, 1/8 and 1/16; coarse: features at 1/32; key8, key16, key32: unit vectors to match.
    """

    image: T
    bends: T
    view4: T
    view8: T
    view16: T
    coarse: T
    key8: T
    key16: T
    key32: T


class Watcher[T](NamedTuple):
    """Optional callbacks for intermediate results, for training.

    state: receives a level and its state (N, 16, H / level, W / level), and gives the one to go on
    with. matches: receives the soft-argmax from left to right and back, (N, 3, H / 32, W / 32): x,
    y in cells, best cosine. meeting: receives a level, its cosines, see `Operations.meet`, and
    their factor in the softmax.
    """

    state: Callable[[int, T], T] | None = None
    matches: Callable[[T, T], None] | None = None
    meeting: Callable[[int, T, Any], None] | None = None


def prepare[T, P, W](
    ops: Operations[T, P, W], weights: Weights[W], row: PyramidRow, scale: float, image: T
) -> Features[T]:
    """Everything that depends on one frame alone; image (N, 3, H, W), any range.

    scale: at which the frame is seen; sides are multiples of `row.pad_unit(scale)`.
    """
    clamped = ops.clamp(image, 0.0, 1.0)
    with ops.scope("encode"):
        layers = _Layers(ops, weights, "encode.")
        x = ops.to_compute(ops.add(ops.resize(clamped, scale), -0.5))
        found: list[T] = []
        for i in range(len(row.features)):
            x = ops.leaky(layers.conv(x, f"conv{i}", stride=2))
            if i >= 2:
                x = layers.residual(x, f"body{i}")
            found.append(x)
        view4, view8, view16 = (ops.to_full(layers.conv(found[i], f"view{i}")) for i in (1, 2, 3))
        keys = [_unit(ops, ops.to_full(layers.conv(found[i], f"key{i}"))) for i in (2, 3, 4)]
    bends = ops.bends(clamped, 3)
    return Features(clamped, bends, view4, view8, view16, ops.to_full(found[4]), *keys)


def match[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    row: PyramidRow,
    scale: float,
    left: Features[T],
    right: Features[T],
    watcher: Watcher[T] | None = None,
) -> T:
    """The state (N, 16, H / 4, W / 4), H and W times `scale`, that all timesteps share.

    Channels 0-3: flow at timestep 0.5, in pixels of 1/4 size, into the left, then into the right
    frame; 4: logit of the mask; then features.
    """
    run = _Run(ops, weights, row, scale, watcher or Watcher())
    state = run.coarsest(left, right)
    views = ((left.view16, right.view16), (left.view8, right.view8), (left.view4, right.view4))
    keys = dict(zip(VOLUMES, ((left.key16, right.key16), (left.key8, right.key8)), strict=True))
    for level, both in zip(LEVELS[1:], views, strict=True):
        state = run.finer(state)
        parts = {"views": run.warped(*both, state, level), "state": state}
        if level in keys:
            parts["volume"] = run.volume(*keys[level], state, level)
        if level in row.meetings:
            parts["meeting"] = run.meeting(*keys[level], level)
        state = run.block(level, parts, state)
    return state


def refine[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    row: PyramidRow,
    options: RunOptions,
    views: tuple[T, T],
    state: T,
    timestep: T,
    pictures: P,
    bends: P | None,
) -> Refined[T, P]:
    """Flow, mask and warped pictures at a timestep, from what `match` found.

    views: view4 of both frames; timestep (N, 1, 1, 1) in 0..1, or a map (N, 1, H, W); pictures: to
    be warped by the final flow; bends: of both frames if the pictures are their images, and the new
    one keeps to 0..1; None: the pictures have any channels and range.
    """
    run = _Run(ops, weights, row, options.scale, Watcher())
    level = LEVELS[-1]
    with ops.scope("last"):
        layers = _Layers(ops, weights, "last.")
        if options.timestep_map:
            timestep = ops.resize(timestep, options.scale / level)
        state = _at(ops, state, timestep)
        parts = {"views": run.warped(*views, state, level), "state": state}
        late = ops.add(timestep, -0.5)
        times = ops.to_compute(ops.join([late, ops.multiply(late, late)]))
        x = ops.leaky(ops.add(layers.summed(parts), layers.conv(times, "time")))
        x = layers.body(x, row.last[1])
        step, finer = ops.split(ops.to_full(layers.conv(x, "out")), [4, MASKS])
        quarter = ops.add(_flow(ops, state), step)
        # from a quarter of the size that is seen to the frame's; finer flow gives the same pictures
        grow = level / options.scale
        flow = ops.resize(ops.multiply(quarter, grow), grow)
        # so does a finer mask than one of half the size
        mask = ops.add(finer, ops.split(state, [4, 1, STATE - 5])[1])
        mask = ops.resize(ops.pixel_shuffle(mask), grow / 2)
    clamped = bends is not None
    if bends is None:
        bends = ops.stack(
            *(ops.bends(picture, options.planes) for picture in ops.unstack(pictures))
        )
    # overshoots a little at hard edges
    warped = ops.warp_sharp(pictures, bends, flow, options.planes)
    return Refined(warped, flow, mask, clamped=clamped)


class _Run[T, P, W](NamedTuple):
    ops: Operations[T, P, W]
    weights: Weights[W]
    row: PyramidRow
    scale: float
    watcher: Watcher[T]

    def cell(self, level: int) -> float:
        """Pixels of the frame in a cell of a level."""
        return level / self.scale

    def coarsest(self, left: Features[T], right: Features[T]) -> T:
        """The first state, at 1/32: half of the best match each way, corrected."""
        ops, radius, cell = self.ops, self.row.radii[-1], self.cell(LEVELS[0])
        sharpness = self.weights["matching.sharpness"]
        with ops.scope("matching"):
            there, back = (
                ops.soft_argmax(ops.correlate(a, b, radius, cell), radius, sharpness)
                for a, b in ((left.key32, right.key32), (right.key32, left.key32))
            )
        if self.watcher.matches is not None:
            self.watcher.matches(there, back)
        # what is seen half way has moved half as far into each frame
        apart = ops.subtract(ops.first(back, 2), ops.first(there, 2))
        guess = ops.multiply(ops.join([apart, ops.multiply(apart, -1.0)]), 0.25)
        parts = {
            "views": ops.join([left.coarse, right.coarse]),
            "matches": ops.join([there, back]),
            "meeting": self.meeting(left.key32, right.key32, LEVELS[0]),
        }
        return self.block(LEVELS[0], parts, guess)

    def block(self, level: int, parts: Mapping[str, T], before: T) -> T:
        """The state of a level: its flow is a correction of `before`, whose flow is in 0-3."""
        ops = self.ops
        with ops.scope(f"block{level}"):
            layers = _Layers(ops, self.weights, f"block{level}.")
            x = ops.leaky(layers.summed(parts))
            x = layers.body(x, self.row.convs[LEVELS.index(level)])
            flow, rest = ops.split(ops.to_full(layers.conv(x, "out")), [4, STATE - 4])
            state = ops.join([ops.add(flow, _flow(ops, before)), rest])
        if self.watcher.state is not None:
            return self.watcher.state(level, state)
        return state

    def finer(self, state: T) -> T:
        """The same at twice the size, where flow counts twice as many pixels."""
        flow, rest = self.ops.split(self.ops.resize(state, 2), [4, STATE - 4])
        return self.ops.join([self.ops.multiply(flow, 2.0), rest])

    def volume(self, left: T, right: T, state: T, level: int) -> T:
        """How well keys fit around where the state's flow leads: (N, D * D, H / level, W / level).

        D is 2 * radius + 1. What is smaller than a coarser level's cell is found here or nowhere.
        """
        ops, cell = self.ops, self.cell(level)
        keys = ops.unstack(ops.warp(ops.stack(left, right), _flow(ops, state), cell))
        return ops.correlate(*keys, self.row.radius(level), cell)

    def meeting(self, left: T, right: T, level: int) -> T:
        """How well keys fit that are equally far to either side, and where best.

        (N, D * D + 3, H / level, W / level), D = 2 * row.meeting + 1. Unwarped: where the flow so
        far is wrong, so is all that it has warped.
        """
        ops, radius = self.ops, self.row.meeting
        with ops.scope(f"block{level}"):
            volume = ops.meet(left, right, radius, self.cell(level))
            sharpness = self.weights[f"block{level}.sharpness"]
            if self.watcher.meeting is not None:
                self.watcher.meeting(level, volume, sharpness)
            return ops.join([volume, ops.soft_argmax(volume, radius, sharpness)])

    def warped(self, left: T, right: T, state: T, level: int) -> T:
        """Both views as the state's flow sees them: (N, 2 * C, H / level, W / level)."""
        ops = self.ops
        channels = self.row.views[LEVELS[::-1].index(level)]
        pair = ops.warp(ops.stack(left, right), _flow(ops, state), self.cell(level))
        return ops.side_by_side(pair, channels)


class _Layers[T, P, W](NamedTuple):
    """The layers below a prefix of the checkpoint's keys."""

    ops: Operations[T, P, W]
    weights: Weights[W]
    prefix: str

    def conv(self, x: T, name: str, stride: int = 1) -> T:
        return self.ops.conv(x, name, *self._pair(name), stride=stride)

    def residual(self, x: T, name: str) -> T:
        weight, bias = self._pair(name)
        return self.ops.residual(x, name, weight, bias, None, 1)

    def body(self, x: T, count: int) -> T:
        for j in range(count):
            x = self.residual(x, f"body.{j}")
        return x

    def summed(self, parts: Mapping[str, T]) -> T:
        """A convolution for each part, added: as one over all of them joined, but faster."""
        results = [self.conv(self.ops.to_compute(part), name) for name, part in parts.items()]
        total = results[0]
        for result in results[1:]:
            total = self.ops.add(total, result)
        return total

    def _pair(self, name: str) -> tuple[W, W]:
        key = self.prefix + name
        return self.weights[f"{key}.weight"], self.weights[f"{key}.bias"]


def _flow[T, P, W](ops: Operations[T, P, W], state: T) -> T:
    return ops.first(state, 4)


def _unit[T, P, W](ops: Operations[T, P, W], x: T) -> T:
    """x (N, C, H, W) with vectors over C of length 1, nearly; those near 0 stay short."""
    return ops.divide(x, ops.add(ops.norm_channels(x), _SHORTEST))


def _at[T, P, W](ops: Operations[T, P, W], state: T, timestep: T) -> T:
    """The state with its flow, of timestep 0.5, at another one: motion is taken as even."""
    to_left, to_right, rest = ops.split(state, [2, 2, STATE - 4])
    twice = ops.multiply(timestep, 2.0)
    left = ops.multiply(to_left, twice)
    right = ops.multiply(to_right, ops.subtract(2.0, twice))
    return ops.join([left, right, rest])
