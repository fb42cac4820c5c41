"""Reads the weights of an ncnn network, `.param` and `.bin`, in fp32 or fp16.

The .bin holds only numbers, layer after layer; the .param tells how many belong to each layer. So
the weights of every kind of layer must be known, and the whole file must be used.
"""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass
from math import prod

import numpy as np

from vsrife.network.operations.ncnn.ncnn_writer import SHARPNESS
from vsrife.weights.readers.mapping import Convolution
from vsrife.weights.readers.safetensors import Array, numbers

_MAGIC = "7767517"
_MOST_LAYERS = 20_000
_MOST_TEXT = 4 << 20  # bytes of .param; 60 KB for 4.26
_FP32_TAGS, _FP16_TAG = (0, 0x0002C056), 0x01306B47
_CONVOLUTIONS = {
    "Convolution": False,
    "ConvolutionDepthWise": False,  # with groups
    "Deconvolution": True,
    "DeconvolutionDepthWise": True,
}
_WITHOUT_WEIGHTS = {
    "Input", "rife.Warp", "PixelShuffle", "Interp", "BinaryOp", "UnaryOp", "Crop", "Slice",
    "Concat", "Split", "ReLU", "Sigmoid", "Clip", "Eltwise", "Reshape", "Permute", "Padding",
    "Cast", "Noop", "Packing", "ExpandDims", "Squeeze", "Flatten", "GridSample",
}  # fmt: skip  # a list of words


@dataclass(frozen=True)
class _Layer:
    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    options: dict[int, str]

    def whole(self, option: int, default: int = 0) -> int:
        return int(self.options.get(option, default))


def read_ncnn(param: bytes, weights: bytes) -> list[Convolution]:
    """The network's convolutions in order; ValueError if the pair is damaged or of another kind."""
    reader = _Reader(weights)
    found: list[Convolution] = []
    made: dict[str, int] = {}  # blob -> number of the convolution that it comes from
    constants: dict[str, Array] = {}
    for layer in _layers(param):
        output = layer.outputs[0] if layer.outputs else ""
        if layer.kind in _CONVOLUTIONS:
            made[output] = len(found)
            found.append(_convolution(layer, reader))
        elif layer.kind == "MemoryData":
            constants[output] = _constant(layer, reader)
        elif layer.kind == "PReLU":
            slope = reader.raw(layer.whole(0))
            if layer.inputs and layer.inputs[0] in made:
                number = made[layer.inputs[0]]
                found[number] = dataclasses.replace(found[number], slope=slope)
        elif layer.kind not in _WITHOUT_WEIGHTS:
            raise ValueError(f"it has a layer of kind {layer.kind!r:.80}, which no RIFE has")
        elif layer.kind == "Split":
            _hand_on(layer, made, constants)
        elif layer.kind == "BinaryOp" and layer.whole(0) == 2 and len(layer.inputs) == 2:
            _attach_beta(layer.inputs, made, constants, found)
    if not reader.finished:
        raise ValueError("its .bin is longer than its .param says; the two are no pair")
    return found


def read_scalars(param: bytes) -> dict[str, Array]:
    """Weights of one number, which our files have as the factor of a layer of their name."""
    found: dict[str, Array] = {}
    for layer in _layers(param):
        if layer.kind == "BinaryOp" and layer.whole(1) and layer.name.endswith(f".{SHARPNESS}"):
            factor = np.array([float(layer.options.get(2, "nan"))], np.float32)
            found[layer.name] = factor
    return found


def _layers(param: bytes) -> list[_Layer]:
    if len(param) > _MOST_TEXT:
        raise ValueError("its .param has no proper size")
    lines = param.decode().split("\n")
    if lines[0].strip() != _MAGIC or len(lines) > _MOST_LAYERS:
        raise ValueError("its .param is no ncnn network")
    layers = []
    for line in filter(str.strip, lines[2:]):
        kind, name, inputs, outputs, *rest = line.split()
        first, last = int(inputs), int(inputs) + int(outputs)
        if not 0 <= first <= last <= len(rest):
            raise ValueError("its .param is damaged")
        words = (word.split("=", 1) for word in rest[last:])
        options = {int(key): value for key, value in words}
        layers.append(_Layer(kind, name, rest[:first], rest[first:last], options))
    return layers


def _convolution(layer: _Layer, reader: _Reader) -> Convolution:
    out, kernel, size = layer.whole(0), layer.whole(1), layer.whole(6)
    if layer.whole(8) or layer.whole(11, kernel) != kernel or not layer.whole(5):
        raise ValueError("it has a convolution in 8 bits, without bias or that is not square")
    per_filter = out * kernel * kernel
    if min(out, kernel, size) < 1 or size % per_filter:
        raise ValueError("its .param is damaged")
    weight = reader.tagged(size).reshape(out, size // per_filter, kernel, kernel)
    # our files have those of one pixel as transposed ones, which are the same; RIFE has no others
    transposed = _CONVOLUTIONS[layer.kind] and kernel > 1
    # ncnn keeps the output channel first in both; torch the input channel in transposed ones
    placed = weight.transpose(1, 0, 2, 3) if transposed else weight
    return Convolution(placed, reader.raw(out), transposed, name=layer.name)


def _constant(layer: _Layer, reader: _Reader) -> Array:
    shape = tuple(layer.whole(option) or 1 for option in (2, 1, 0))  # channels, height, width
    count = prod(shape)
    values = reader.raw(count) if layer.whole(21, 1) else reader.tagged(count)
    return values.reshape(1, *shape)


def _hand_on(layer: _Layer, made: dict[str, int], constants: dict[str, Array]) -> None:
    for output in layer.outputs:
        if layer.inputs[0] in made:
            made[output] = made[layer.inputs[0]]
        if layer.inputs[0] in constants:
            constants[output] = constants[layer.inputs[0]]


def _attach_beta(
    inputs: list[str], made: dict[str, int], constants: dict[str, Array], found: list[Convolution]
) -> None:
    """Give a convolution whose output is multiplied by a constant that constant as its beta."""
    for source, factor in (inputs, reversed(inputs)):
        if source in made and factor in constants:
            number = made[source]
            found[number] = dataclasses.replace(found[number], beta=constants[factor])


class _Reader:
    """The .bin from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def finished(self) -> bool:
        return self._at == len(self._content)

    def raw(self, count: int) -> Array:
        """`count` fp32 numbers, which is how biases, slopes and most constants are kept."""
        return numbers(self._take(4 * count), "F32")

    def tagged(self, count: int) -> Array:
        """`count` numbers behind four bytes that say how they are kept."""
        tag = struct.unpack("<I", self._take(4))[0]
        if tag == _FP16_TAG:
            return numbers(self._take(2 * count + (-2 * count) % 4)[: 2 * count], "F16")
        if tag in _FP32_TAGS:
            return self.raw(count)
        raise ValueError("its weights are in 8 bits or a table; only fp32 and fp16 can be imported")

    def _take(self, length: int) -> bytes:
        piece = self._content[self._at : self._at + length]
        if length < 0 or len(piece) != length:
            raise ValueError("its .bin is shorter than its .param says; the two are no pair")
        self._at += length
        return piece
