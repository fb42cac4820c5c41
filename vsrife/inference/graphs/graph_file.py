"""ONNX files of ours, vs-mlrt's and VSGAN's: told apart by their inputs, all others refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, TensorProto, ValueInfoProto, load_model_from_string

from vsrife.errors import ArgumentError, ModelError, printable
from vsrife.inference.base import Settings
from vsrife.network.options import V1_PLANES, V2_PLANES, VSGAN_PLANES
from vsrife.network.own.triple import FRAMES
from vsrife.network.table import ARCHS, SCALES, VERSIONS
from vsrife.weights import read_content
from vsrife.weights.files import damaged

FOREIGN = (V1_PLANES, V2_PLANES, VSGAN_PLANES)
OWN = ("left", "right", "timestep")
OWN_THREE = (*FRAMES, "timestep")
_TYPES: dict[int, Any] = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}
_UNIT = 128  # no known network needs more at scale 1
_MOST = 8 * _UNIT  # of what a file may say: at scale 0.25, for a doubled graph


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A file that was understood. planes: of its one input, 0 for our own; three: it reads three
    frames, see `triple`; dtype: of inputs; fixed: width and height, None where it takes any; unit:
    sides are multiples of this; said: what the file says of itself."""

    path: Path
    model: ModelProto
    planes: int
    three: bool
    dtype: Any
    fixed: tuple[int, int] | None
    unit: int
    said: dict[str, str]


def read_file(path: Path) -> GraphFile:
    """ModelError, with what was found and what is understood, for any other file."""
    model = load(path)
    said = said_of(model)
    inputs = inputs_of(model)
    names = tuple(value.name for value in inputs)
    shapes = [shape_of(value) for value in inputs]
    types = {value.type.tensor_type.elem_type for value in inputs}
    three = sorted(names) == sorted(OWN_THREE)
    own = three or sorted(names) == sorted(OWN)
    pictures = bool(shapes) and all(len(shape) == 4 and shape[0] <= 1 for shape in shapes)
    planes = shapes[0][1] if pictures and len(inputs) == 1 else 0
    if said.get("part", "flow") not in ("flow", "whole"):
        raise ModelError(
            f"model file {path} is the part {said['part']!r} of a network; name the file beside it "
            "that has no such word before .onnx"
        )
    known = (own and pictures) or (planes in FOREIGN and len(model.graph.output) == 1)
    if not known or len(types) != 1 or not types <= set(_TYPES):
        found = ", ".join(map(_described, inputs)) or "nothing"
        raise ModelError(
            f"model file {path} is a graph that takes {found}; understood are vs-mlrt's, with one "
            f"input of {V1_PLANES} or {V2_PLANES} planes, VSGAN's, of {VSGAN_PLANES}, and vsrife's "
            "own, with left, right and timestep, or previous, middle, next and timestep, in "
            "float32 or float16"
        )
    picture = FRAMES[0] if three else OWN[0]
    sides = shapes[names.index(picture) if own else 0][2:]
    fixed = (sides[1], sides[0]) if all(sides) else None
    _check_said(path, said)
    unit = int(said["modulo"]) if "modulo" in said else _unit_of(path)
    planes = 0 if own else planes
    return GraphFile(path, model, planes, three, _TYPES[types.pop()], fixed, unit, said)


def _check_said(path: Path, said: dict[str, str]) -> None:
    """ModelError for numbers that no export has in it."""
    modulo, scale = said.get("modulo", "1"), said.get("scale", "1")
    if not (re.fullmatch("[0-9]{1,4}", modulo) and 1 <= int(modulo) <= _MOST):
        wrong = f"modulo {modulo!r:.50}, and 1 to {_MOST} are possible"
    elif scale not in {text for known in SCALES for text in (f"{known:g}", str(known))}:
        wrong = f"scale {scale!r:.50}, and {', '.join(f'{s:g}' for s in SCALES)} are possible"
    else:
        return
    raise ModelError(f"model file {path} says that it has {wrong}; export or fetch it again")


def load(path: Path) -> ModelProto:
    content = read_content(path)
    try:
        model = load_model_from_string(content)
    except DecodeError as error:
        raise damaged(path, error, content) from error
    if not model.graph.node:
        raise damaged(path, ValueError("it has no network in it"), content)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise ModelError(
            f"model file {path} keeps weights in another file, which is never opened; "
            "save it with its weights inside"
        )
    return model


def said_of(model: ModelProto) -> dict[str, str]:
    """What the file says of itself."""
    return {printable(prop.key): printable(prop.value) for prop in model.metadata_props}


def _tensors(message: Message) -> Iterator[TensorProto]:
    """All there are: weights, constants among the nodes, those of branches and functions."""
    waiting: list[Any] = [message]
    while waiting:
        found = waiting.pop()
        if isinstance(found, TensorProto):
            yield found
            continue
        for field, value in found.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if isinstance(value, Message) else value)


def inputs_of(model: ModelProto) -> list[ValueInfoProto]:
    """Those that a caller gives; old files list their weights among them."""
    given = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in given]


def shape_of(value: ValueInfoProto) -> list[int]:
    """Sides of an input, 0 for those that are free."""
    return [max(0, dim.dim_value) for dim in value.type.tensor_type.shape.dim]


def _described(value: ValueInfoProto) -> str:
    sides = "x".join(str(side or "?") for side in shape_of(value))
    kind = TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return f"{printable(value.name)} ({sides}, {kind})"


def _unit_of(path: Path) -> int:
    """What sides must be multiples of, by the weights inside, or else by the file's name."""
    from vsrife.weights.importing import guess_name, read_graph

    try:
        return ARCHS[read_graph(path)[0]].modulo
    except ModelError:
        name = guess_name(path, ARCHS)
        return ARCHS[VERSIONS[name]].modulo if name else _UNIT


def fitted_size(file: GraphFile, width: int, height: int) -> tuple[int, int]:
    """Width and height that pictures are padded to; ArgumentError where the graph has another."""
    if file.fixed is None:
        return width + -width % file.unit, height + -height % file.unit
    rest = (file.fixed[0] - width, file.fixed[1] - height)
    if not all(0 <= r < file.unit for r in rest):
        raise ArgumentError(
            f"model file {file.path} is a graph for {file.fixed[0]}x{file.fixed[1]}, and the clip "
            f"is {width}x{height}; export, or quantize, one for that size, or for any"
        )
    return file.fixed


def check_baked(file: GraphFile, settings: Settings) -> None:
    """ArgumentError where scale, ensemble or precision are asked for and the graph has others in
    it."""
    scale, ensemble = file.said.get("scale", "1.0"), file.said.get("ensemble", "")
    if settings.scale not in (1.0, float(scale)) and file.planes != 8:
        raise ArgumentError(
            f"scale={settings.scale} cannot be had from {file.path}, which has {scale} in it; "
            "leave it out, or give weights as model="
        )
    if settings.ensemble and ensemble.lower() not in ("true", "1"):
        raise ArgumentError(
            f"ensemble=True cannot be had from {file.path}; leave it out, or give weights as model="
        )
    precision = _precision_of(file)
    # TensorRT computes a graph of fp32 in fp16 if it is told to
    if settings.precision not in (None, precision) and not _by_tensorrt(settings):
        raise ArgumentError(
            f"precision={settings.precision!r} cannot be had from {file.path}, which has "
            f"{precision} in it; leave it out, or give weights as model="
        )


def _precision_of(file: GraphFile) -> str:
    """Of the convolutions: what the file says, else the type of its numbers."""
    half = any(tensor.data_type == TensorProto.FLOAT16 for tensor in _tensors(file.model))
    return file.said.get("precision", "fp16" if half or file.dtype == np.float16 else "fp32")


def _by_tensorrt(settings: Settings) -> bool:
    return (settings.hardware.provider or "").lower().startswith("tensorrt")


def static(model: ModelProto, size: tuple[int, int]) -> bytes:
    """The graph for one size, which runtimes make faster."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for value in inputs_of(copy):
        dims = value.type.tensor_type.shape.dim
        one = value.name == "timestep" and dims[2].dim_value == 1
        for dim, side in zip(dims, (1, None, *((1, 1) if one else size[::-1])), strict=True):
            if side is not None:
                dim.dim_value = side
    del copy.graph.value_info[:]
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    content: bytes = copy.SerializeToString()
    return content


def input_of(model: ModelProto, name: str) -> ValueInfoProto:
    return next(value for value in inputs_of(model) if value.name == name)
