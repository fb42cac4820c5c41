"""Warps as ONNX Runtime's CPU is fastest at: DeformConv in place of GridSample.

GridSample finds each pixel's place anew for every channel. DeformConv finds it once: with a kernel
of one pixel and a weight of 1 for each channel it is the same warp, in a quarter of the time. The
mean of 2x2 pixels after a warp is a kernel of 2x2 pixels. GridSample's border is a place that is
clamped to the picture. Where both warped pictures are blended by a mask (see `blends`), a kernel
that reads both weights them itself. Pictures are the same to about 1e-6.

ONNX has DeformConv since opset 19, ONNX Runtime's CPU since some later release: see `available`.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from vsrife.inference.graphs.graph_shapes import shapes_of
from vsrife.inference.ort import blends
from vsrife.inference.ort.blends import Blend, Sample
from vsrife.network.operations.onnx.onnx_writer import Array

WAY = "deform 2"  # part of the names of what is kept; another one where this file writes otherwise
_OPSET, _IR = 19, 9  # the first ones with DeformConv
_OLDEST = 16  # the first opset with GridSample; what it and 19 share is told in `_raise_opset`
_NEAR = 1e-2  # pixels: places of our own grids are whole numbers but for rounding


def rewritten(graph: bytes) -> bytes:
    """The same graph with its bilinear warps as DeformConv; `graph` itself where it has none, or
    says too little about its sizes."""
    model = ModelProto.FromString(graph)
    opsets = {entry.domain: entry for entry in model.opset_import}
    if "" not in opsets or not _OLDEST <= opsets[""].version <= _OPSET:
        return graph
    if not any(node.op_type == "GridSample" for node in model.graph.node):
        return graph
    rewriter = _Rewriter(model)
    if not rewriter.rewrite():
        return graph
    if opsets[""].version < 18:
        _raise_opset(model)
    opsets[""].version, model.ir_version = _OPSET, max(model.ir_version, _IR)
    return bytes(model.SerializeToString())


class _Warp(NamedTuple):
    """A GridSample, and what is done to its output and can be a part of it.

    shape: of its picture (N, C, H, W); size: rows and columns of the grid; mean: the AveragePool,
    if any; blend: of both pictures, if any.
    """

    node: NodeProto
    shape: tuple[int, ...]
    size: tuple[int, int]
    mean: NodeProto | None
    blend: Blend | None


class _Rewriter:
    def __init__(self, model: ModelProto) -> None:
        self._graph = model.graph
        self._shapes = shapes_of(model)
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._uses = Counter(name for node in model.graph.node for name in node.input)
        self._uses.update(output.name for output in model.graph.output)
        self._users: dict[str, list[NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in set(node.input):
                self._users[name].append(node)
        self._added: dict[bytes, str] = {}
        self._nodes: list[NodeProto] = []
        self._offsets: dict[tuple[str, tuple[int, ...], bool], str] = {}

    def rewrite(self) -> bool:
        """Whether any warp was rewritten."""
        writers: dict[int, Callable[[], None]] = {}  # by the node in whose place they write
        for warp in map(self._warp, self._graph.node):
            if warp is None:
                continue
            for node in (warp.mean, *(warp.blend.inner if warp.blend else ())):
                writers[id(node)] = _nothing
            if warp.blend is None:
                writers[id(warp.node)] = partial(self._write, warp)
                continue
            writers[id(warp.node)] = _nothing
            writers[id(warp.blend.add)] = partial(self._write_blend, warp, warp.blend)
            for sample in warp.blend.samples:
                writers[id(sample.node)] = partial(self._write_sample, warp, sample)
        if not writers:
            return False
        for node in self._graph.node:
            writers.get(id(node), partial(self._nodes.append, node))()
        self._put_back()
        return True

    def _put_back(self) -> None:
        """Into the graph, without what nothing reads any more: ONNX Runtime runs such nodes, and
        says so of such constants."""
        read, kept = {output.name for output in self._graph.output}, []
        for node in reversed(self._nodes):
            if read.intersection(node.output):
                kept.append(NodeProto.FromString(node.SerializeToString()))
                read.update(_inputs(node))
        del self._graph.node[:]
        self._graph.node.extend(reversed(kept))
        constants = self._graph.initializer
        for i in reversed(range(len(constants))):
            if constants[i].name not in read:
                del constants[i]

    def _warp(self, node: NodeProto) -> _Warp | None:
        """What to write for a node; None for what is no bilinear warp of known size."""
        if node.op_type != "GridSample" or node.domain:
            return None
        said = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        bilinear = said.get("mode", b"bilinear") in (b"bilinear", b"linear")
        border = said.get("padding_mode", b"zeros") == b"border"
        picture, grid = (self._shapes.get(name, ()) for name in node.input)
        if not (bilinear and border and said.get("align_corners", 0) == 1):
            return None
        if len(picture) != 4 or len(grid) != 4 or min(*picture, *grid) < 1:
            return None
        size = (grid[1], grid[2])
        if any(side % part for side, part in zip(picture[2:], size, strict=True)):
            return None
        users = self._users[node.output[0]]
        mean = users[0] if len(users) == self._uses[node.output[0]] == 1 else None
        if mean is None or not _halves(mean) or any(part % 2 for part in size):
            mean = None
        blend = None
        if picture[0] == 2 and size == picture[2:]:
            blend = blends.after(node, size, self._users, self._uses, self._integers)
        if blend is not None and self._shapes.get(blend.mask) != (1, 1, *size):
            blend = None
        return _Warp(node, picture, size, mean, blend)

    def _write(self, warp: _Warp) -> None:
        channels, halved = warp.shape[1], warp.mean is not None
        kernel = 2 if halved else 1
        weight = np.full((channels, 1, kernel, kernel), 1 / kernel**2, np.float32)
        strides = [
            side // part * kernel for side, part in zip(warp.shape[2:], warp.size, strict=True)
        ]
        self._deform(
            (warp.node.input[0], self._constant(weight), self._offset(warp)),
            (warp.mean or warp.node).output[0],
            kernel_shape=[kernel, kernel],
            strides=strides,
            group=channels,
        )

    def _write_blend(self, warp: _Warp, blend: Blend) -> None:
        """Left times mask and right times the rest, summed by the kernel."""
        rest = self._op("Sub", self._constant(np.ones(1)), blend.mask)
        mask = self._op("Concat", blend.mask, rest, axis=1)
        inputs = *self._of_both(warp, self._offset(warp), right=1.0), "", mask
        self._deform(inputs, blend.add.output[0], kernel_shape=[1, 1], offset_group=2)

    def _write_sample(self, warp: _Warp, sample: Sample) -> None:
        """Left less right, of the pixels of a Slice alone."""
        offset = self._op("Slice", self._offset(warp), *sample.node.input[1:])
        # the kernel is at multiples of the step, the Slice may begin elsewhere
        begin = np.array(sample.first, np.float32).reshape(1, 2, 1, 1)
        if begin.any():
            offset = self._op("Add", offset, self._constant(begin))
        inputs = self._of_both(warp, offset, right=-1.0)
        self._deform(
            inputs,
            sample.node.output[0],
            kernel_shape=[1, 1],
            strides=list(sample.steps),
            offset_group=2,
        )

    def _of_both(self, warp: _Warp, offset: str, right: float) -> tuple[str, str, str]:
        """Inputs of a kernel that reads both pictures of a pair as one of twice the channels; the
        left one counts 1, the other `right`."""
        channels = warp.shape[1]
        one = np.eye(channels, dtype=np.float32)
        weight = np.concatenate([one, right * one], 1).reshape(channels, -1, 1, 1)
        both = [
            self._op("Reshape", name, self._constant(np.array([1, parts, *sides]), np.int64))
            for name, parts, sides in (
                (warp.node.input[0], 2 * channels, warp.shape[2:]),
                (offset, 4, (0, 0)),
            )
        ]
        return both[0], self._constant(weight), both[1]

    def _deform(self, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self._nodes.append(
            helper.make_node(
                "DeformConv", list(inputs), [output], name=f"{output}.deform", **attributes
            )
        )

    def _offset(self, warp: _Warp) -> str:
        """How far from where the kernel is each pixel is read: (N, 2 * kernel**2, rows, columns),
        pixels, y before x."""
        key = (warp.node.input[1], warp.shape[2:], warp.mean is not None)
        if key not in self._offsets:
            self._offsets[key] = self._new_offset(warp)
        return self._offsets[key]

    def _new_offset(self, warp: _Warp) -> str:
        height, width = warp.shape[2:]
        rows, columns = (
            _starts(side, part, halved=warp.mean is not None)
            for side, part in zip(warp.shape[2:], warp.size, strict=True)
        )
        starts = (columns.reshape(1, 1, 1, -1), rows.reshape(1, 1, -1, 1))  # x before y
        offset = self._places(warp, starts)
        low = [self._constant(-line) for line in starts]
        high = [
            self._constant(side - 1 - line)
            for side, line in zip((width, height), starts, strict=True)
        ]
        ones = self._constant(np.array([1, 1]), np.int64)
        parts = self._ops("Split", offset, ones, outputs=2, axis=1)
        parts = [
            self._op("Min", self._op("Max", part, least), most)
            for part, least, most in zip(parts, low, high, strict=True)
        ]
        offset = self._op("Concat", *reversed(parts), axis=1)
        return offset if warp.mean is None else self._op("SpaceToDepth", offset, blocksize=2)

    def _places(self, warp: _Warp, starts: tuple[Array, Array]) -> str:
        """Where pixels are read, less `starts`: (N, 2, rows, columns), pixels, x before y."""
        planar = self._planar(warp.node.input[1])
        sides = np.array(warp.shape[:1:-1], np.float32).reshape(1, 2, 1, 1)
        moved = self._own(planar, warp, starts)
        if moved is not None:
            return moved
        half = (sides - 1) / 2
        line_x, line_y = np.broadcast_arrays(*starts)
        there = half - np.concatenate([line_x, line_y], 1)
        scaled = self._op("Mul", planar, self._constant(half))
        return self._op("Add", scaled, self._constant(there))

    def _own(self, planar: str, warp: _Warp, starts: tuple[Array, Array]) -> str | None:
        """The same for the grids that `onnx_warps.Grid` writes, flow * factors + coordinates: the
        flow is in pixels already, and the coordinates are whole ones. None for other grids."""
        add = self._makers.get(planar)
        if add is None or add.op_type != "Add":
            return None
        mul, coordinates = self._makers.get(add.input[0]), self._value(add.input[1])
        if mul is None or mul.op_type != "Mul" or coordinates is None:
            return None
        factors = self._value(mul.input[1])
        sides = np.array(warp.shape[:1:-1], np.float64).reshape(1, 2, 1, 1)
        if factors is None or factors.shape != sides.shape:
            return None
        if not np.allclose(factors, 2 / (sides - 1), rtol=1e-6, atol=0):
            return None
        line_x, line_y = np.broadcast_arrays(*starts)
        rest = (coordinates + 1.0) * (sides - 1) / 2 - np.concatenate([line_x, line_y], 1)
        if np.abs(rest - rest.round()).max() > _NEAR:
            return None
        flow = str(mul.input[0])
        if not rest.round().any():
            return flow
        return self._op("Add", flow, self._constant(rest.round()))

    def _planar(self, grid: str) -> str:
        """A grid (N, rows, columns, 2) as (N, 2, rows, columns)."""
        maker = self._makers.get(grid)
        if maker is not None and maker.op_type == "Transpose":
            perm = helper.get_attribute_value(maker.attribute[0]) if maker.attribute else []
            if list(perm) == [0, 2, 3, 1]:
                return str(maker.input[0])
        return self._op("Transpose", grid, perm=[0, 3, 1, 2])

    def _integers(self, name: str) -> list[int] | None:
        """A constant list of whole numbers; None for other things."""
        found = self._value(name)
        return None if found is None or found.ndim != 1 else [int(each) for each in found]

    def _value(self, name: str) -> Array | None:
        """A constant, or the sum of two; None for what is known at run time alone."""
        if name in self._constants:
            return numpy_helper.to_array(self._constants[name]).astype(np.float64)
        maker = self._makers.get(name)
        if maker is None or maker.op_type != "Add":
            return None
        terms = [self._value(each) for each in maker.input]
        if terms[0] is None or terms[1] is None:
            return None
        total: Array = terms[0] + terms[1]
        return total

    def _constant(self, value: Array, kind: Any = np.float32) -> str:
        tensor = numpy_helper.from_array(np.ascontiguousarray(value, kind), "")
        key = tensor.SerializeToString()
        if key not in self._added:
            tensor.name = self._added[key] = f"warp_constant_{len(self._added)}"
            self._graph.initializer.append(tensor)
        return self._added[key]

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self._ops(kind, *inputs, outputs=1, **attributes)[0]

    def _ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        name = f"warp_{kind.lower()}_{len(self._nodes)}"
        results = [f"{name}.{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), results, name=name, **attributes))
        return results


def _nothing() -> None:
    """In the place of a node that has become a part of another."""


def _inputs(node: NodeProto) -> Iterator[str]:
    """What a node reads, in graphs within it, too."""
    yield from node.input
    for said in node.attribute:
        for graph in (said.g, *said.graphs):
            yield from (output.name for output in graph.output)
            for inner in graph.node:
                yield from _inputs(inner)


def _halves(node: NodeProto) -> bool:
    """Whether a node is the mean of 2x2 pixels."""
    said = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    two = said.pop("kernel_shape", None) == [2, 2] and said.pop("strides", None) == [2, 2]
    return node.op_type == "AveragePool" and two and not any(map(np.any, said.values()))


def _starts(side: int, count: int, *, halved: bool) -> Array:
    """Where the kernel's pixel is for each of `count` places along a side."""
    step, places = side // count, np.arange(count)
    if not halved:
        return places * step
    return places // 2 * (2 * step) + places % 2


def _raise_opset(model: ModelProto) -> None:
    """What opset 18 has changed: axes of reductions are an input, parts of Split are told."""
    for node in model.graph.node:
        said: Mapping[str, Any] = {each.name: each for each in node.attribute}
        if node.op_type.startswith("Reduce") and "axes" in said and len(node.input) == 1:
            name = f"{node.output[0]}.axes"
            axes = np.array(said["axes"].ints, np.int64)
            model.graph.initializer.append(numpy_helper.from_array(axes, name))
            node.input.append(name)
            node.attribute.remove(said["axes"])
        elif node.op_type == "Split" and len(node.input) == 1 and "num_outputs" not in said:
            node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))


@functools.cache
def available(ort: Any) -> bool:
    """Whether this ONNX Runtime has DeformConv for the CPU, with a mask and groups of offsets."""
    shapes = {"x": [1, 2, 2, 2], "o": [1, 4, 2, 2], "m": [1, 2, 2, 2], "y": [1, 1, 2, 2]}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    weight = numpy_helper.from_array(np.ones((1, 2, 1, 1), np.float32), "w")
    inputs = ["x", "w", "o", "", "m"]
    node = helper.make_node("DeformConv", inputs, ["y"], kernel_shape=[1, 1], offset_group=2)
    graph = helper.make_graph([node], "probe", values[:3], values[3:], [weight])
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    feeds = {name: np.full(shapes[name], 0.5, np.float32) for name in "om"}
    feeds["x"] = np.arange(8, dtype=np.float32).reshape(shapes["x"])
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(None, feeds)[0]
    except Exception:  # a class of its own for each kind of failure
        return False
    return bool(np.isclose(found[0, 0, 0, 0], (1.5 + 5.5) / 2))
