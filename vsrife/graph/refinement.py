"""All blocks of a network, coarse to fine, as nodes.

With shortcuts, which are exact, a block that sees the picture coarsely is given only what it reads:

- Made smaller by s >= 2, a picture is the mean of the four pixels around the middle of each cell of
  s x s. So for s >= 4 pictures are warped there only.
- Made larger by g and then smaller by s, with s >= 2 and g >= 2 * s, masks and features are as if
  made larger by g / s: all four pixels lie between the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vsrife.graph.block import Block
from vsrife.graph.grid import Grid, around_middles
from vsrife.graph.operations import channels, resize, split
from vsrife.graph.options import GraphOptions
from vsrife.graph.writer import Array, Writer
from vsrife.net.table import Arch


class Result(NamedTuple):
    """warped: pictures (2, C, H, W), the left one first; flow (1, 4, H, W), pixels; mask
    (1, 1, H, W), a logit; own: what each block gave for itself, 1 / grow of full size."""

    warped: str
    flow: str
    mask: str
    own: list[tuple[str, float]]


class Refinement:
    def __init__(
        self,
        w: Writer,
        state: Mapping[str, Array],
        arch: Arch,
        options: GraphOptions,
        like: str,
        grid: Grid | None = None,
    ) -> None:
        """like: a tensor of the size of the pictures; grid: theirs, if there is one already."""
        self._w, self._arch, self._options, self._like = w, arch, options, like
        self._grid = grid or Grid(w, options.size, like)
        share = (2 if options.doubled else 1) / options.scale
        tiles = options.size if options.shortcuts else None
        self._blocks = [
            Block(w, state, arch, i, s * share, tiles) for i, s in enumerate(arch.scales)
        ]

    def write(self, pair: str, timestep: str, pictures: str) -> Result:
        """pair (2, 3 + E, H, W): both prepared; pictures (2, C, H, W), or empty: the pair's own."""
        w = self._w
        reversed_time = w.op("Sub", w.constant(1.0), timestep) if self._options.ensemble else ""
        flow = mask = others = ""  # others: what the block before gave beside its flow
        grow = 1.0  # pixels of full size for one of `others`
        own = []
        for i, block in enumerate(self._blocks):
            small, passed_on = self._seen(pair, flow, block.s)
            if mask:
                passed_on.append(resize(w, mask, 1 / block.s))
            elif others:
                passed_on.append(self._fitted(others, grow, block.s))
            out = block.write(small, passed_on, self._time(block, timestep))
            own.append((out, block.grow))
            if self._options.ensemble and not (self._options.doubled and i == 0):
                t = self._time(block, reversed_time)
                mirrored = block.write(small, passed_on, t, mirrored=True)
                out = w.op("Mul", w.op("Add", out, mirrored), w.constant(0.5))
            step, others = split(w, out, [4, block.outputs - 4])
            grow = block.grow
            flow = self._sum(flow, resize(w, step, grow))
            if self._arch.mask_adds:
                mask = self._sum(mask, resize(w, others, grow))
        if not pictures:
            pictures = channels(w, pair, 3) if self._arch.encoder else pair
        mask = mask or resize(w, others, grow)
        return Result(self._grid.warp(pictures, flow), flow, mask, own)

    def _seen(self, pair: str, flow: str, s: float) -> tuple[str, list[str]]:
        """The pair, warped, and the flow, if there is one, both at 1/s."""
        w = self._w
        if not flow:
            return resize(w, pair, 1 / s), []
        if self._options.shortcuts and s >= 4:
            sampled = around_middles(w, flow, int(s), 4)
            warped = self._grid.warp(pair, sampled, int(s))
            return resize(w, warped, 0.5), [resize(w, sampled, 0.5)]
        return resize(w, self._grid.warp(pair, flow), 1 / s), [resize(w, flow, 1 / s)]

    def _fitted(self, x: str, grow: float, s: float) -> str:
        """What is `grow` times smaller than the picture, at 1/s."""
        if self._options.shortcuts and s >= 2 and grow >= 2 * s:
            return resize(self._w, x, grow / s)
        return resize(self._w, resize(self._w, x, grow), 1 / s)

    def _sum(self, before: str, step: str) -> str:
        return self._w.op("Add", before, step) if before else step

    def _time(self, block: Block, timestep: str) -> str:
        """The timestep as the block reads it, (1, 1, h, w)."""
        w = self._w
        cell = block.s * (2**block.halvings if block.radius else 1)
        if self._options.paced:
            return resize(w, resize(w, timestep, 1 / block.s), block.s / cell)
        if self._options.size is not None:
            sides = [int(side / cell) for side in self._options.size[::-1]]
            return w.op("Expand", timestep, w.integers([1, 1, *sides]))
        sides_now = w.op("Shape", self._like, start=2, end=4)
        if cell >= 1:
            sides_now = w.op("Div", sides_now, w.integers([int(cell)]))
        else:
            sides_now = w.op("Mul", sides_now, w.integers([int(1 / cell)]))
        return w.op("Expand", timestep, w.op("Concat", w.integers([1, 1]), sides_now, axis=0))
