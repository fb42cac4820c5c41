"""Reads the weights of an ONNX file; files beside it are never opened.

A small reader of the protobuf wire format for the fields that matter: importing a model needs no
package, and every length is checked against the length of the file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod

from vsrife.network.files import carried_weights
from vsrife.weights.readers.mapping import Convolution
from vsrife.weights.readers.safetensors import LIMIT, Array, numbers

_MOST_NODES = 50_000  # and tensors, and names at a node; 640 in an export of 4.26
_MOST_SIDES = 8
_MOST_FACTS = 1000  # 11 in an export
# onnx.proto: TensorProto.DataType -> (our name, bytes); other types are no weights
_TYPES = {1: ("F32", 4), 10: ("F16", 2), 11: ("F64", 8), 16: ("BF16", 2)}
_SAME = {"Identity", "Cast"}  # nodes that pass a weight on as it is


@dataclass
class _Node:
    kind: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    value: Array | None = None  # of a Constant


def read_onnx(content: bytes) -> tuple[dict[str, Array], list[Convolution]]:
    """(named tensors, convolutions in the order of the graph); ValueError if it is no such file."""
    tensors, nodes = _graph(content)
    return tensors, _convolutions(nodes, dict(tensors))


def is_onnx(content: bytes) -> bool:
    """Whether it has a version, and a graph that begins with a node; ValueError if it is cut
    short."""
    fields = dict(islice(_fields(memoryview(content)), _MOST_FACTS))
    graph = fields.get(7)
    return (
        isinstance(fields.get(1), int)
        and isinstance(graph, memoryview)
        and next(_fields(graph), (0, 0))[0] == 1
    )


def read_facts(content: bytes) -> dict[str, str]:
    """What the file says of itself; ValueError if it is no such file."""
    facts: dict[str, str] = {}
    for number, entry in _fields(memoryview(content)):
        if number == 14:
            parts = {part: _text(value) for part, value in _fields(_bytes(entry)) if part in (1, 2)}
            facts[parts.get(1, "")] = parts.get(2, "")
        if len(facts) > _MOST_FACTS:
            raise ValueError("it says too much of itself")
    return facts


def read_carried(content: bytes, text: str) -> dict[str, Array]:
    """The weights that `carried_weights.pack` has put into the file as `text`; ValueError and
    others if the text is damaged, or the graph was changed since."""
    tensors, nodes = _graph(content)
    layers = {
        f"{node.name}.{kind}": tensors[name]
        for node in nodes
        if node.kind in ("Conv", "ConvTranspose")
        for name, kind in zip(node.inputs[1:], ("weight", "bias"), strict=False)
        if name in tensors
    }
    return carried_weights.unpack(text, layers, LIMIT)


def _graph(content: bytes) -> tuple[dict[str, Array], list[_Node]]:
    graphs = [value for number, value in _fields(memoryview(content)) if number == 7]
    if len(graphs) != 1 or not isinstance(graphs[0], memoryview):
        raise ValueError("it is no ONNX file")
    tensors: dict[str, Array] = {}
    nodes: list[_Node] = []
    for number, value in _fields(graphs[0]):
        if number == 5:
            name, array = _tensor(_bytes(value))
            if array is not None:
                tensors[name] = array
            if len(tensors) > _MOST_NODES:
                raise ValueError("its graph is too large")
        elif number == 1:
            nodes.append(_node(_bytes(value)))
            if len(nodes) > _MOST_NODES:
                raise ValueError("its graph is too large")
    return tensors, nodes


def _convolutions(nodes: list[_Node], tensors: dict[str, Array]) -> list[Convolution]:
    """Those of the graph, with the beta or the slope that each one's output meets."""
    made: dict[str, int] = {}  # output -> number of the convolution that it comes from
    found: list[Convolution] = []
    for node in nodes:
        values = [tensors.get(name) for name in node.inputs]
        output = node.outputs[0] if node.outputs else ""
        if node.kind == "Constant" and node.value is not None:
            tensors[output] = node.value
        elif node.kind in _SAME and values:
            if values[0] is not None:
                tensors[output] = values[0]
            elif node.inputs[0] in made:
                made[output] = made[node.inputs[0]]
        elif node.kind in ("Conv", "ConvTranspose"):
            if len(values) != 3 or values[1] is None or values[2] is None:
                raise ValueError("it has a convolution without weights or bias of its own")
            made[output] = len(found)
            found.append(Convolution(values[1], values[2], node.kind == "ConvTranspose"))
        elif node.kind in ("Mul", "PRelu") and len(values) == 2:
            _attach(node, values, made, found)
    return found


def _attach(
    node: _Node, values: list[Array | None], made: dict[str, int], found: list[Convolution]
) -> None:
    """Give a convolution the beta or slope of the node that its output goes through."""
    for source, value in zip(node.inputs, reversed(values), strict=True):
        if source not in made or value is None:
            continue
        number = made[source]
        if node.kind == "PRelu":
            found[number] = dataclasses.replace(found[number], slope=value.reshape(-1))
        elif value.ndim == 4:
            found[number] = dataclasses.replace(found[number], beta=value)


def _node(view: memoryview) -> _Node:
    node = _Node()
    for number, value in _fields(view):
        if len(node.inputs) + len(node.outputs) > _MOST_NODES:
            raise ValueError("its graph is too large")
        if number == 1:
            node.inputs.append(_text(value))
        elif number == 2:
            node.outputs.append(_text(value))
        elif number == 3:
            node.name = _text(value)
        elif number == 4:
            node.kind = _text(value)
        elif number == 5:
            for part, content in _fields(_bytes(value)):
                if part == 5:  # AttributeProto.t
                    node.value = _tensor(_bytes(content))[1]
    return node


def _tensor(view: memoryview) -> tuple[str, Array | None]:
    """(name, numbers) of a TensorProto; None for types that are no weights."""
    shape: list[int] = []
    kind, name = 0, ""
    raw: memoryview | None = None
    singles = bytearray()
    for number, value in _fields(view):
        if number == 1:
            shape += [value] if isinstance(value, int) else islice(_varints(value), _MOST_SIDES + 1)
            del shape[_MOST_SIDES + 1 :]
        elif number == 2:
            kind = value if isinstance(value, int) else 0
        elif number == 4:
            singles += _bytes(value)
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _bytes(value)
        elif number == 13 or (number == 14 and value):
            raise ValueError("it keeps weights in another file, which is never opened")
    if kind not in _TYPES:
        return name, None
    called, size = _TYPES[kind]
    block = bytes(raw) if raw is not None else bytes(singles)
    if len(shape) > _MOST_SIDES or prod(shape) * size != len(block):
        raise ValueError(f"tensor {name!r:.200} does not have the numbers that its shape says")
    return name, numbers(block, called).reshape(shape)


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a message: an int, or the bytes of what is longer."""
    at = 0
    while at < len(view):
        tag, at = _varint(view, at)
        match tag & 7:
            case 0:
                value: int | memoryview
                value, at = _varint(view, at)
            case 1 | 5 as wire:
                value, at = view[at : at + (8 if wire == 1 else 4)], at + (8 if wire == 1 else 4)
            case 2:
                length, at = _varint(view, at)
                value, at = view[at : at + length], at + length
            case _:
                raise ValueError("it is no ONNX file")
        if at > len(view):
            raise ValueError("it is cut short")
        yield tag >> 3, value


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ValueError("it is cut short")
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("it is no ONNX file")


def _varints(view: memoryview) -> Iterator[int]:
    at = 0
    while at < len(view):
        value, at = _varint(view, at)
        yield value


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("it is no ONNX file")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode()
