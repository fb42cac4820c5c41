"""Graphs with one input and one output, for programs that take no others: vs-mlrt's plugins join
all planes that they are given into one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

INPUT, OUTPUT = "input", "output"
# Names of our constants; no writer of ours gives such ones
_CHANNELS, _FIRST, _ONE, _AXES, _PLANE, _LOW, _HIGH = (f"stacked.{n}" for n in range(7))


class Part(NamedTuple):
    """Channels of the stack, in order. name: an input of the graph, or one of `joined`."""

    name: str
    channels: int


def stacked(
    model: ModelProto,
    parts: list[Part],
    size: tuple[int, int],
    joined: Mapping[str, tuple[str, ...]] = {},
) -> bytes:
    """`model` with `input` (1, sum of channels, H, W) and `output` (1, C, H, W), for a size W, H.

    joined: inputs that are made of parts, the first of which is clamped to 0..1. An input of
    (1, 1, 1, 1) takes one sample of its plane. Output: the one of `model`; of `image` and
    `confidence`, which may have others beside them, the picture, then the confidence as a plane.
    """
    width, height = size
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    single = {value.name for value in graph.input if all(side == 1 for side in _shape(value))}
    after, count = _after(list(graph.output))
    nodes = [*_before(parts, single, joined), *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(array, name)
        for name, array in _constants(parts, size).items()
        if name in used
    )
    channels = sum(part.channels for part in parts)
    for target, name, planes in ((graph.input, INPUT, channels), (graph.output, OUTPUT, count)):
        shape = [1, planes, height, width]
        target.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    content: bytes = copy.SerializeToString()
    return content


def _constants(parts: list[Part], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
    width, height = size
    whole: dict[str, list[int]] = {
        _CHANNELS: [part.channels for part in parts],
        _FIRST: [0, 0],
        _ONE: [1, 1],
        _AXES: [2, 3],
        _PLANE: [1, 1, height, width],
    }
    bounds = {_LOW: np.array(0, np.float32), _HIGH: np.array(1, np.float32)}
    return {name: np.array(values, np.int64) for name, values in whole.items()} | bounds


def _before(
    parts: list[Part], single: set[str], joined: Mapping[str, tuple[str, ...]]
) -> list[NodeProto]:
    names = [f"{part.name}.plane" if part.name in single else part.name for part in parts]
    nodes = [helper.make_node("Split", [INPUT, _CHANNELS], names, axis=1)]
    for part, name in zip(parts, names, strict=True):
        if part.name in single:
            nodes.append(helper.make_node("Slice", [name, _FIRST, _ONE, _AXES], [part.name]))
    for name, (first, *rest) in joined.items():
        clamped = f"{name}.clamped" if rest else name
        nodes.append(helper.make_node("Clip", [first, _LOW, _HIGH], [clamped]))
        if rest:
            nodes.append(helper.make_node("Concat", [clamped, *rest], [name], axis=1))
    return nodes


def _after(outputs: list[ValueInfoProto]) -> tuple[list[NodeProto], int]:
    """Nodes that give `output`, and its channels."""
    named = {value.name: value for value in outputs}
    if {"image", "confidence"} <= named.keys():
        nodes = [
            helper.make_node("Expand", ["confidence", _PLANE], ["confidence.plane"]),
            helper.make_node("Concat", ["image", "confidence.plane"], [OUTPUT], axis=1),
        ]
        return nodes, _shape(named["image"])[1] + 1
    (only,) = outputs
    return [helper.make_node("Identity", [only.name], [OUTPUT])], _shape(only)[1]


def _shape(value: ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]
