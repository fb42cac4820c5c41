"""Collects the layers of one ncnn network: `.param`, a text, and `.bin`, its weights.

Needs numpy alone. The format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import ArgumentError
from vsrife.network.operations.scopes import Scoped
from vsrife.network.table import SLOPE

Array = NDArray[Any]
Value = int | float | Sequence[int]  # of a parameter

_MAGIC = 7767517
_ARRAYS = -23300  # an array has the number of its parameter subtracted from this
_FP32, _FP16 = 0, 0x01306B47  # tags before the weights of a convolution
_CONVOLUTIONS = ("Convolution", "ConvolutionDepthWise", "Deconvolution")
_LEAKY = {9: 2, 10: (SLOPE,)}  # parameters of an activation inside a convolution
_LARGEST_HALF = 65504.0
SHARPNESS = "sharpness"  # ends the name of the layer that has this weight as its factor


@dataclass(frozen=True)
class Blob:
    """A tensor (channels, H, W) of the network."""

    name: str
    channels: int


@dataclass(frozen=True)
class _Layer:
    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[int, Any] = field(default_factory=dict)
    weights: bytes = b""

    def line(self) -> str:
        words = [f"{key}={_text(value)}" for key, value in self.params.items()]
        for i, (key, value) in enumerate(self.params.items()):
            if isinstance(value, tuple):
                words[i] = f"{_ARRAYS - key}={len(value)},{','.join(map(_text, value))}"
        sizes = f"{len(self.inputs)} {len(self.outputs)}"
        return " ".join([self.kind, self.name, sizes, *self.inputs, *self.outputs, *words])


class Writer(Scoped):
    """Methods add a layer and return its output. Equal layers without weights are written once.

    half: weights of convolutions in fp16; biases, slopes and constants stay fp32, as in the files
    of ncnn's own converters.
    """

    def __init__(self, *, half: bool = False) -> None:
        self._half = half
        self._layers: list[_Layer] = []
        self._done: dict[object, Blob] = {}
        self._counts: Counter[str] = Counter()

    def input(self, name: str, channels: int) -> Blob:
        self._layers.append(_Layer("Input", name, (), (name,)))
        return Blob(name, channels)

    def op(
        self,
        kind: str,
        *inputs: Blob,
        channels: int,
        name: str = "",
        params: Mapping[int, Any] = {},
        weights: bytes = b"",
    ) -> Blob:
        """Add a layer. channels: of its output; name: within the scope; "": derived from `kind`."""
        names = tuple(blob.name for blob in inputs)
        work = (kind, names, tuple(params.items()))
        if not weights and work in self._done:
            return self._done[work]
        full = self._scope + (name or kind.lower())
        self._counts[full] += 1
        if self._counts[full] > 1:
            full += f"_{self._counts[full]}"
        self._layers.append(_Layer(kind, full, names, (full,), dict(params), weights))
        self._done[work] = Blob(full, channels)
        return self._done[work]

    def constant(self, value: Array, name: str) -> Blob:
        """Add a constant (channels, H, W)."""
        channels, height, width = value.shape
        params = {0: width, 1: height, 2: channels}
        return self.op(
            "MemoryData", channels=channels, name=name, params=params, weights=_raw(value)
        )

    def convolution(
        self,
        x: Blob,
        name: str,
        weight: Array,
        bias: Array,
        *,
        stride: int,
        padding: int,
        groups: int = 1,
        transposed: bool = False,
    ) -> Blob:
        """Add a convolution. weight: as torch keeps it, (O, I, K, K), transposed (I, O, K, K)."""
        kept = weight.swapaxes(0, 1) if transposed else weight  # ncnn: output channels first
        channels = int(kept.shape[0])
        params = {0: channels, 1: int(kept.shape[2])}
        if stride > 1:
            params[3] = stride
        params |= {4: padding, 5: 1, 6: int(kept.size)}
        if groups > 1:
            params[7] = groups
        # a kernel of one pixel is the same transposed; on Vulkan, each such Convolution makes a
        # Reshape, a layer that programs which run rife.Warp are built without: they crash
        single = params[1] == stride == groups == 1
        kind = "Deconvolution" if transposed or single else "Convolution"
        return self.op(
            f"{kind}DepthWise" if groups > 1 else kind, x,
            channels=channels, name=name, params=params,
            weights=self._tagged(kept, name) + _raw(bias),
        )  # fmt: skip  # four lines, not eight

    def prelu(self, x: Blob, slopes: Array) -> Blob:
        return self.op(
            "PReLU", x, channels=x.channels, params={0: int(slopes.size)}, weights=_raw(slopes)
        )

    def rename(self, blob: Blob, name: str) -> Blob:
        """Call a tensor `name`, for programs that look for it."""

        def named(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name if each == blob.name else each for each in names)

        self._layers = [
            replace(layer, inputs=named(layer.inputs), outputs=named(layer.outputs))
            for layer in self._layers
        ]
        return Blob(name, blob.channels)

    def files(self, output: Blob) -> tuple[bytes, bytes]:
        """`.param` and `.bin` of what `output` needs."""
        layers = _split(_fused(_needed(self._layers, output.name)))
        blobs = sum(len(layer.outputs) for layer in layers)
        lines = [str(_MAGIC), f"{len(layers)} {blobs}", *(layer.line() for layer in layers)]
        return "\n".join([*lines, ""]).encode(), b"".join(layer.weights for layer in layers)

    def _tagged(self, value: Array, name: str) -> bytes:
        if not self._half:
            return struct.pack("<I", _FP32) + _raw(value)
        if np.abs(value).max(initial=0) > _LARGEST_HALF:
            raise ArgumentError(
                f"precision must be fp32 for this model: {self._scope}{name} has weights beyond "
                f"{_LARGEST_HALF:g}, the largest number of fp16"
            )
        raw = value.astype("<f2").tobytes()
        return struct.pack("<I", _FP16) + raw + bytes(-len(raw) % 4)


def _needed(layers: Sequence[_Layer], output: str) -> list[_Layer]:
    """Inputs, and all layers on which `output` depends."""
    wanted, kept = {output}, []
    for layer in reversed(layers):
        if layer.kind == "Input" or wanted & set(layer.outputs):
            wanted.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]


def _fused(layers: Sequence[_Layer]) -> list[_Layer]:
    """Leaky ReLUs right behind a convolution become part of it."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    places = {layer.outputs[0]: i for i, layer in enumerate(layers)}
    found: list[_Layer | None] = list(layers)
    for i, layer in enumerate(layers):
        before = places[layer.inputs[0]] if layer.kind == "ReLU" else -1
        source = layers[before]
        if before >= 0 and source.kind in _CONVOLUTIONS and readers[source.outputs[0]] == 1:
            params = {**source.params, **_LEAKY}
            found[before] = replace(source, outputs=layer.outputs, params=params)
            found[i] = None
    return [layer for layer in found if layer is not None]


def _split(layers: Sequence[_Layer]) -> list[_Layer]:
    """A tensor can be read once; a Split gives each further reader a copy."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    given: Counter[str] = Counter()

    def copy_of(name: str) -> str:
        if readers[name] < 2:
            return name
        given[name] += 1
        return f"{name}_copy{given[name]}"

    found: list[_Layer] = []
    for layer in layers:
        found.append(replace(layer, inputs=tuple(map(copy_of, layer.inputs))))
        for name in layer.outputs:
            if readers[name] > 1:
                copies = tuple(f"{name}_copy{i + 1}" for i in range(readers[name]))
                found.append(_Layer("Split", f"{name}_split", (name,), copies))
    return found


def _text(value: int | float) -> str:
    # ncnn takes a number with a dot for a float
    return f"{value:.8e}" if isinstance(value, float) else str(value)


def _raw(value: Array) -> bytes:
    return np.ascontiguousarray(value, "<f4").tobytes()
