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

from vsrife.network.operations.onnx.onnx_warps import Grid, around_middles
from vsrife.network.operations.onnx.onnx_writer import Array, Writer
from vsrife.network.options import GraphOptions
from vsrife.network.previous.onnx.block import Block
from vsrife.network.previous.onnx.operations import channels, resize, split
from vsrife.network.previous.onnx.static import write_change, write_static_edges, write_unmoved
from vsrife.network.table import CHANGE_WEIGHT, STATIC_EDGE_WEIGHT, Arch


class Result(NamedTuple):
    """pictures and, moved by the flow, warped (2, C, H, W), the left one first; flow (1, 4, H, W),
    pixels; mask and still (1, 1, H, W), logits, the latter empty where there is none; bicubic: the
    warp may pass their range."""

    pictures: str
    warped: str
    flow: str
    mask: str
    still: str
    bicubic: bool


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
        share = 1 / options.scale
        tiles = options.size if options.shortcuts else None
        self._blocks = [Block(w, state, arch, i, s * share, tiles) for i, s in arch.runs]

    def write(self, pair: str, timestep: str, pictures: str) -> Result:
        """pair (2, 3, H, W): both prepared; pictures (2, C, H, W), or empty: the pair itself."""
        w = self._w
        change = write_change(w, pair) if self._arch.static else ""
        flow = others = ""  # others: what the block before gave beside its flow
        grow = 1.0  # pixels of full size for one of `others`
        for i, block in enumerate(self._blocks):
            small, passed_on = self._seen(pair, flow, block)
            if others:
                passed_on.append(self._fitted(others, grow, block.s))
            seen = ""
            if change and block is self._blocks[-1]:
                seen = resize(w, write_unmoved(w, pair, change), 2 / block.cell)
            out = block.write(small, passed_on, self._time(block, timestep), unmoved=seen)
            if i + 1 < len(self._blocks) and self._blocks[i + 1].first:  # which reads no others
                step, others = channels(w, out, 4), ""
            else:
                step, others = split(w, out, [4, block.outputs - 4])
            grow = block.grow
            step = resize(w, step, grow)
            if self._arch.linear_motion:
                step = w.op("Mul", step, self._shares(timestep))
            flow = w.op("Add", flow, step) if flow else step
        pictures = pictures or pair
        mask, still = resize(w, others, grow), ""
        if self._arch.static:
            mask, still = split(w, mask, [1, 1])
            still = w.op("Sub", still, w.op("Mul", change, w.constant(CHANGE_WEIGHT)))
            edges = write_static_edges(w, pair, change)
            still = w.op("Add", still, w.op("Mul", edges, w.constant(STATIC_EDGE_WEIGHT)))
        mode = "bicubic" if self._arch.bicubic_warp else "bilinear"
        warped = self._grid.warp(pictures, flow, mode=mode)
        return Result(pictures, warped, flow, mask, still, self._arch.bicubic_warp)

    def _seen(self, pair: str, flow: str, block: Block) -> tuple[str, list[str]]:
        """The pair, warped, and the flow, if the block reads one, both at 1/s."""
        w, s = self._w, block.s
        if not flow:
            return resize(w, pair, 1 / s), []
        if self._options.shortcuts and s >= 4:
            sampled = around_middles(w, flow, int(s), 4)
            warped = self._grid.warp(pair, sampled, int(s))
            return resize(w, warped, 0.5), [] if block.first else [resize(w, sampled, 0.5)]
        small = resize(w, self._grid.warp(pair, flow), 1 / s)
        return small, [] if block.first else [resize(w, flow, 1 / s)]

    def _fitted(self, x: str, grow: float, s: float) -> str:
        """What is `grow` times smaller than the picture, at 1/s."""
        if self._options.shortcuts and s >= 2 and grow >= 2 * s:
            return resize(self._w, x, grow / s)
        return resize(self._w, resize(self._w, x, grow), 1 / s)

    def _shares(self, timestep: str) -> str:
        """What flows at timestep 0.5 are multiplied by for another one, (1, 4, ...)."""
        w = self._w
        double = w.op("Mul", timestep, w.constant(2.0))
        rest = w.op("Sub", w.constant(2.0), double)
        return w.op("Concat", double, double, rest, rest, axis=1)

    def _time(self, block: Block, timestep: str) -> str:
        """The timestep as the block reads it, (1, 1, h, w)."""
        w = self._w
        cell = block.cell
        if self._options.timestep_map:
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
