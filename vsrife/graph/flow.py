"""The part of a network that sees both pictures, as a graph."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto

from vsrife.graph.block import Block
from vsrife.graph.operations import Array, Grid, channels, every_eighth, reshape, resize, split
from vsrife.graph.options import GraphOptions, check
from vsrife.graph.writer import Dim, Writer
from vsrife.net.table import Arch
from vsrife.net.weights import check_state

CELL = 8  # pixels of a side of a cell of `vsrife.net.pace.motion`


def build_flow(
    state: Mapping[str, Array], arch: Arch, options: GraphOptions, metadata: Mapping[str, str] = {}
) -> ModelProto:
    """What `IFNet.interpolate` does.

    state: weights as `store.read_arrays` gives them; metadata: texts that the model carries.
    Inputs, fp32: `left` and `right` (1, 3 + encoder.out, H, W) as the encoder gives them, clamped
    pictures where there is none; `timestep` (1, 1, 1, 1), paced (1, 1, H, W); separate:
    `left_picture` and `right_picture` (1, planes, H, W), any range.
    Outputs, fp32: `image` (1, planes, H, W); `confidence` (1,) in 0..1; motion: `motion`
    (1, 1, H / 8, W / 8), pixels; rows that rescale, unless doubled: `largest` (1, 2), pixels, of
    block 1's own flow to the left and to the right: if both pass `RESCALE_LIMIT`, the doubled graph
    must run instead, on sides padded to twice the multiple.
    ArgumentError for options that the row does not have, ModelError for another's weights.
    """
    check(arch, options)
    check_state(state, arch)
    w = Writer(half=options.half)
    sides: list[Dim] = ["height", "width"] if options.size is None else list(options.size[::-1])
    deep = 3 + (arch.encoder.out if arch.encoder else 0)
    left, right = (w.input(name, [1, deep, *sides]) for name in ("left", "right"))
    t = w.input("timestep", [1, 1, *(sides if options.paced else [1, 1])])
    pictures = None
    if options.separate:
        names = ("left_picture", "right_picture")
        both = [w.input(name, [1, options.planes, *sides]) for name in names]
        pictures = w.op("Concat", *both, axis=0)
    flow = Flow(w, state, arch, options, left)
    image, confidence = flow.write(w.op("Concat", left, right, axis=0), t, pictures)
    w.output("image", image, [1, options.planes, *sides])
    w.output("confidence", confidence, [1])
    if options.motion:
        cells: list[Dim] = [
            side // CELL if isinstance(side, int) else f"{side}_cells" for side in sides
        ]
        w.output("motion", flow.motion(), [1, 1, *cells])
    if flow.largest:
        w.output("largest", flow.largest, [1, 2])
    return w.model(metadata)


class Flow:
    """Writes all blocks and the blend."""

    def __init__(
        self, w: Writer, state: Mapping[str, Array], arch: Arch, options: GraphOptions, like: str
    ) -> None:
        """like: a tensor of the size of the pictures."""
        self._w, self._arch, self._options, self._like = w, arch, options, like
        self._grid = Grid(w, options.size, like)
        share = (2 if options.doubled else 1) / options.scale
        self._blocks = [Block(w, state, arch, i, s * share) for i, s in enumerate(arch.scales)]
        self._ways: tuple[str, str] = ("", "")  # flow to the left and right, (1, 2, H, W) each
        self.largest = ""

    def write(self, pair: str, timestep: str, pictures: str | None) -> tuple[str, str]:
        """image (1, C, H, W) and confidence (1,) of pair (2, 3 + E, H, W) and its pictures."""
        w = self._w
        later = timestep
        earlier = w.op("Sub", w.constant(1.0), timestep) if self._options.ensemble else ""
        adding = 5 if self._arch.mask_adds else 4  # channels that blocks correct; others replace
        warped, total, others = pair, "", ""
        for i, block in enumerate(self._blocks):
            passed_on = [x for x in (total, others) if x]
            small = resize(w, warped, 1 / block.s)
            passed_on = [resize(w, x, 1 / block.s) for x in passed_on]
            ways = [(self._time(block, later), False)]
            if self._options.ensemble and not (self._options.doubled and i == 0):
                ways.append((self._time(block, earlier), True))
            outs = [
                resize(w, block.write(small, passed_on, t, mirrored=mirrored), block.grow)
                for t, mirrored in ways
            ]
            if i == 1 and self._arch.rescales and not self._options.doubled:
                self.largest = self._largest(outs[0])
            out = outs[0]
            if len(outs) == 2:
                out = w.op("Mul", w.op("Add", *outs), w.constant(0.5))
            step, *rest = split(w, out, [n for n in (adding, block.outputs - adding) if n])
            total = w.op("Add", total, step) if total else step
            others = rest[0] if rest else ""
            flow = channels(w, total, 4) if adding == 5 else total
            last = block is self._blocks[-1]
            if last and pictures is None:
                pictures = channels(w, pair, 3) if self._arch.encoder else pair
            warped = self._grid.warp(pictures if last and pictures else pair, flow)
        mask = others or split(w, total, [4, 1])[1]
        self._ways = (seen := split(w, flow, [2, 2]))[0], seen[1]
        return self._blend(warped, mask, timestep)

    def _time(self, block: Block, timestep: str) -> str:
        """The timestep as the block reads it, (1, 1, h, w)."""
        w = self._w
        cell = block.s * (2**block.halvings if block.radius else 1)
        if self._options.paced:
            small = resize(w, timestep, 1 / block.s)
            return resize(w, small, block.s / cell)
        if self._options.size is not None:
            sides = [int(side / cell) for side in self._options.size[::-1]]
            return w.op("Expand", timestep, w.integers([1, 1, *sides]))
        sides_now = w.op("Shape", self._like, start=2, end=4)
        if cell >= 1:
            sides_now = w.op("Div", sides_now, w.integers([int(cell)]))
        else:
            sides_now = w.op("Mul", sides_now, w.integers([int(1 / cell)]))
        return w.op("Expand", timestep, w.op("Concat", w.integers([1, 1]), sides_now, axis=0))

    def _largest(self, out: str) -> str:
        w = self._w
        ways = reshape(w, channels(w, out, 4), 2, 2)
        sizes = w.op("ReduceMax", w.op("Abs", ways), axes=[1, 2, 3], keepdims=0)
        return w.op("Reshape", sizes, w.integers([1, 2]))

    def _blend(self, warped: str, mask: str, timestep: str) -> tuple[str, str]:
        w = self._w
        left, right = split(w, warped, [1, 1], axis=0)
        difference = w.op("Sub", left, right)
        # not left * m + right * (1 - m): this form is exact where both sides agree
        image = w.op("Add", right, w.op("Mul", w.op("Sigmoid", mask), difference))
        with w.scope("confidence"):
            return image, self._confidence(difference, timestep)

    def _confidence(self, difference: str, timestep: str) -> str:
        """See `vsrife.net.ifnet.confidence`."""
        w = self._w
        three = channels(w, difference, 3) if self._options.planes > 3 else difference
        apart = w.op("Abs", every_eighth(w, three))
        apart = w.op("ReduceMean", apart, axes=[1], keepdims=1)
        to_left, to_right = (every_eighth(w, way) for way in self._ways)
        t = every_eighth(w, timestep) if self._options.paced else timestep
        way = w.op("Sub", to_right, to_left)
        bend = w.op("ReduceL2", w.op("Add", to_left, w.op("Mul", t, way)), axes=[1], keepdims=1)
        distance = w.op("ReduceL2", way, axes=[1], keepdims=1)
        room = w.op("Add", w.op("Mul", distance, w.constant(0.25)), w.constant(1.0))
        doubt = w.op("Add", w.op("Div", bend, room), w.op("Mul", apart, w.constant(10.0)))
        trust = w.op("Exp", w.op("Neg", doubt))
        return w.op("ReduceMean", trust, axes=[1, 2, 3], keepdims=0)

    def motion(self) -> str:
        """See `vsrife.net.pace.motion`."""
        w = self._w
        with w.scope("motion"):
            way = w.op("Sub", self._ways[1], self._ways[0])
            x = w.op("ReduceL2", way, axes=[1], keepdims=1)
            x = w.op("MaxPool", x, kernel_shape=[CELL, CELL], strides=[CELL, CELL])
            x = w.op("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            # what lies outside does not count, by default
            return w.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
