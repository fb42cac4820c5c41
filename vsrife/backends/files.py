"""ONNX files as models, run as they are: our own exports and those of vs-mlrt and VSGAN.

They are told apart by their inputs. None but our own says how far a frame can be trusted; they
move three channels and clamp them; alpha fades, then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, ValueInfoProto, load_model_from_string

from vsrife import store
from vsrife.backends import arrays
from vsrife.backends.arrays import Array
from vsrife.backends.base import Planes, Rhythm, Settings, Shared, identity
from vsrife.backends.graphs import Engine, Program, doubled_size, too_large, widened
from vsrife.errors import ArgumentError, ModelError, printable
from vsrife.net.table import ARCHS, VERSIONS

LAYOUTS = {11: "v1", 8: "VSGAN's", 7: "v2"}  # planes of the one input -> whose
OWN = ("left", "right", "timestep")
# Of files beside one of ours, where its network has an encoder, or rescales
ENCODER, DOUBLED = ".encode.onnx", ".doubled.onnx"
_TYPES: dict[int, Any] = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}
_UNIT = 128  # no known network needs more at scale 1


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A file that was understood. planes: of its one input, 0 for our own; dtype: of inputs;
    fixed: width and height, None where it takes any; unit: sides are multiples of this; said: what
    the file says of itself."""

    path: Path
    model: ModelProto
    planes: int
    dtype: Any
    fixed: tuple[int, int] | None
    unit: int
    said: dict[str, str]


def read_file(path: Path) -> GraphFile:
    """ModelError, with what was found and what is understood, for any other file."""
    model = _load(path)
    said = {printable(prop.key): printable(prop.value) for prop in model.metadata_props}
    inputs = _inputs(model)
    names = tuple(value.name for value in inputs)
    shapes = [_shape(value) for value in inputs]
    types = {value.type.tensor_type.elem_type for value in inputs}
    own = sorted(names) == sorted(OWN)
    planes = shapes[0][1] if len(inputs) == 1 and len(shapes[0]) == 4 else 0
    if said.get("part", "flow") not in ("flow", "whole"):
        raise ModelError(
            f"model file {path} is the part {said['part']!r} of a network; name the file beside it "
            "that has no such word before .onnx"
        )
    known = own or (planes in LAYOUTS and len(model.graph.output) == 1)
    if not known or len(types) != 1 or not types <= set(_TYPES):
        found = ", ".join(map(_described, inputs)) or "nothing"
        raise ModelError(
            f"model file {path} is a graph that takes {found}; understood are vs-mlrt's, with one "
            "input of 11 or 7 planes, VSGAN's, of 8, and vsrife's own, with left, right and "
            "timestep, in float32 or float16"
        )
    sides = shapes[names.index("left") if own else 0][2:]
    fixed = (sides[1], sides[0]) if all(sides) else None
    unit = int(said["modulo"]) if said.get("modulo", "").isdecimal() else _unit_of(path)
    return GraphFile(path, model, 0 if own else planes, _TYPES[types.pop()], fixed, unit, said)


def _load(path: Path) -> ModelProto:
    content = store.read_content(path)
    try:
        model = load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(
            f"model file {path} cannot be read: it is damaged, cut short or no ONNX file; "
            "fetch it again"
        ) from error
    if not model.graph.node:
        raise ModelError(f"model file {path} has no network in it; fetch it again")
    if any(t.data_location == TensorProto.EXTERNAL for t in model.graph.initializer):
        raise ModelError(
            f"model file {path} keeps weights in another file, which is never opened; "
            "save it with its weights inside"
        )
    return model


def _inputs(model: ModelProto) -> list[ValueInfoProto]:
    """Those that a caller gives; old files list their weights among them."""
    given = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in given]


def _shape(value: ValueInfoProto) -> list[int]:
    """Sides of an input, 0 for those that are free."""
    return [max(0, dim.dim_value) for dim in value.type.tensor_type.shape.dim]


def _described(value: ValueInfoProto) -> str:
    sides = "x".join(str(side or "?") for side in _shape(value))
    kind = TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return f"{printable(value.name)} ({sides}, {kind})"


def _unit_of(path: Path) -> int:
    """What sides must be multiples of, by the weights inside, or else by the file's name."""
    from vsrife.store.importing import guess_name, read_graph

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
            f"is {width}x{height}; export one for that size, or for any"
        )
    return file.fixed


def _check_baked(file: GraphFile, settings: Settings) -> None:
    """ArgumentError where scale or ensemble are asked for and the graph has others in it."""
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


def _static(model: ModelProto, size: tuple[int, int]) -> bytes:
    """The graph for one size, which runtimes make faster."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for value in _inputs(copy):
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


class FileNetwork:
    """A file's graphs, ready to run."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.file = file = read_file(settings.weights)
        _check_baked(file, settings)
        self.size = fitted_size(file, settings.width, settings.height)
        self.engine, self.scale = engine, settings.scale
        self.input = next(v.name for v in _inputs(file.model))
        self.flow = engine.load(_static(file.model, self.size))
        self.encoder: Program | None = None
        if not file.planes and _shape(_input(file.model, "left"))[1] > 3:
            self.encoder = engine.load(_static(_load(self._beside(ENCODER)), self.size))
        self._doubled: Program | None = None
        self._wide = doubled_size(self.size, file.unit)
        if any(output.name == "largest" for output in file.model.graph.output):
            self._doubled = engine.load(_static(_load(self._beside(DOUBLED)), self._wide))

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        found = self.flow.run(feeds)
        if self._doubled is None or not too_large(found):
            return found
        return self._doubled.run(widened(self.engine, feeds, self.size, self._wide))

    def _beside(self, suffix: str) -> Path:
        path = self.file.path
        beside = path.with_name(path.name[: -len(".onnx")] + suffix)
        if not beside.is_file():
            raise ModelError(f"model file {beside} does not exist; it belongs to {path}")
        return beside


def _input(model: ModelProto, name: str) -> ValueInfoProto:
    return next(value for value in _inputs(model) if value.name == name)


_networks: Shared[FileNetwork] = Shared()


def open_session(
    kind: str, settings: Settings, open_engine: Callable[[Settings], Engine]
) -> FileSession:
    """A session of backend `kind` for the file that `settings` names."""
    key = (kind, identity(settings))
    return FileSession(_networks.get(key, lambda: FileNetwork(settings, open_engine(settings))))


@dataclass(frozen=True, eq=False)
class Prepared:
    """features: what the graph reads, on the device for our own, else (1, 3, H, W); alpha: (h, w),
    where there is any."""

    features: Any
    alpha: Array | None


class FileSession:
    """See `base.Session`."""

    def __init__(self, network: FileNetwork) -> None:
        self._network = network
        outputs = {output.name for output in network.file.model.graph.output}
        self.tells = frozenset(outputs & {"confidence"})

    def prepare(self, planes: Planes) -> Prepared:
        net = self._network
        image = arrays.padded(planes[:3], net.size).clip(0, 1).astype(net.file.dtype, copy=False)
        alpha = np.array(planes[3], np.float32) if len(planes) > 3 else None
        if net.file.planes:
            return Prepared(image, alpha)
        features = net.engine.put(image)
        if net.encoder is not None:
            features = net.encoder.run({"image": features}, stay=True)["features"]
        return Prepared(features, alpha)

    def interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        net = self._network
        if net.file.planes:
            stack = net.engine.put(self._stacked(left, right, timestep))
            found = net.run({net.input: stack})
            image = next(iter(found.values()))
        else:
            t = np.full(_times_shape(net), timestep, net.file.dtype)
            feeds = {"left": left.features, "right": right.features, "timestep": net.engine.put(t)}
            found = net.run(feeds)
            image = found["image"]
        arrays.write(image.clip(0, 1), into[:3])
        if left.alpha is not None and right.alpha is not None:
            np.copyto(into[3], left.alpha + np.float32(timestep) * (right.alpha - left.alpha))
        return float(found["confidence"][0]) if "confidence" in found else None

    def motion(self, left: Prepared, right: Prepared) -> Any:
        raise NotImplementedError  # not among what it tells

    def _stacked(self, left: Prepared, right: Prepared, timestep: float) -> Array:
        """What the files of others read, (1, planes, H, W)."""
        width, height = self._network.size
        stack = np.empty((1, self._network.file.planes, height, width), self._network.file.dtype)
        stack[:, :3], stack[:, 3:6], stack[:, 6] = left.features, right.features, timestep
        if self._network.file.planes == 8:
            stack[:, 7] = self._network.scale
        elif self._network.file.planes == 11:  # where each pixel is, -1..1, and what moves it by 1
            stack[:, 7] = np.linspace(-1, 1, width, dtype=np.float32)
            stack[:, 8] = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
            stack[:, 9] = 2 / max(width - 1, 1)
            stack[:, 10] = 2 / max(height - 1, 1)
        return stack


def _times_shape(net: FileNetwork) -> tuple[int, int, int, int]:
    paced = _shape(_input(net.file.model, "timestep"))[2:] != [1, 1]
    return (1, 1, net.size[1], net.size[0]) if paced else (1, 1, 1, 1)
