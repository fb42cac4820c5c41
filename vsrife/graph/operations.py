"""What the networks are made of, as nodes. Tensors are (N, C, H, W) unless said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from vsrife.graph.writer import END, Writer

SLOPE = 0.2  # of every leaky ReLU
Array = NDArray[Any]


def resize(w: Writer, x: str, factor: float) -> str:
    """Sides times `factor`: bilinear, half-pixel centres, aliasing."""
    if factor == 1:
        return x
    scales = w.constant([1, 1, factor, factor])
    return w.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def join(w: Writer, tensors: Sequence[str]) -> str:
    """Side by side along the channels."""
    return tensors[0] if len(tensors) == 1 else w.op("Concat", *tensors, axis=1)


def split(w: Writer, x: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
    if len(sizes) == 1:
        return [x]
    return w.ops("Split", x, w.integers(sizes), outputs=len(sizes), axis=axis)


def channels(w: Writer, x: str, count: int) -> str:
    """The first channels."""
    return w.op("Slice", x, w.integers([0]), w.integers([count]), w.integers([1]))


def every_eighth(w: Writer, x: str) -> str:
    """Pixels 0, 8, 16, ... both ways."""
    return w.op(
        "Slice",
        x,
        w.integers([0, 0]),
        w.integers([END, END]),
        w.integers([2, 3]),
        w.integers([8, 8]),
    )


def reshape(w: Writer, x: str, first: int, second: int) -> str:
    """Batch and channels anew, sides as they are."""
    return w.op("Reshape", x, w.integers([first, second, 0, 0]))


def cast(w: Writer, x: str, *, half: bool) -> str:
    """To the convolutions' type or back; nothing in a graph that is fp32 throughout."""
    if not w.half:
        return x
    return w.op("Cast", x, to=TensorProto.FLOAT16 if half else TensorProto.FLOAT)


def leaky(w: Writer, x: str) -> str:
    return w.op("LeakyRelu", x, alpha=SLOPE)


def conv(w: Writer, x: str, name: str, weight: Array, bias: Array, **options: int) -> str:
    """3x3 with a border of 1. options: stride, groups."""
    stride = options.get("stride", 1)
    return w.op(
        "Conv",
        x,
        w.constant(weight, w.weight_type),
        w.constant(bias, w.weight_type),
        name=name,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        strides=[stride, stride],
        group=options.get("groups", 1),
    )


def deconv(w: Writer, x: str, name: str, weight: Array, bias: Array) -> str:
    """Transposed 4x4, twice as fine."""
    return w.op(
        "ConvTranspose",
        x,
        w.constant(weight, w.weight_type),
        w.constant(bias, w.weight_type),
        name=name,
        kernel_shape=[4, 4],
        pads=[1, 1, 1, 1],
        strides=[2, 2],
    )


def prelu(w: Writer, x: str, slopes: Array) -> str:
    return w.op("PRelu", x, w.constant(slopes.reshape(-1, 1, 1), w.weight_type))


class Grid:
    """Coordinates of the pixels of a picture, and warping by them."""

    def __init__(self, w: Writer, size: tuple[int, int] | None, like: str) -> None:
        """size: width and height, or None for those of the tensor `like` as it comes."""
        self._w = w
        with w.scope("grid"):
            sides = [self._side(size, like, axis) for axis in (0, 1)]
            (x, by_x), (y, by_y) = sides
            self._factors = (
                w.op("Concat", by_x, by_y, axis=1)
                if size is None
                else w.constant(np.reshape([2 / (side - 1) for side in size], (1, 2, 1, 1)))
            )
            self._places = w.op("Add", x, y)

    def _side(self, size: tuple[int, int] | None, like: str, axis: int) -> tuple[str, str]:
        """Coordinates along x (axis 0) or y in -1..1, 0 in the other's channel; 2 / (side - 1)."""
        w = self._w
        channel = np.reshape([1.0 - axis, axis], (1, 2, 1, 1))
        shape = [1, 1, 1, -1] if axis == 0 else [1, 1, -1, 1]
        if size is not None:
            line = np.arange(size[axis]) * (2 / (size[axis] - 1)) - 1
            return w.constant(line.reshape(shape) * channel), ""
        length = w.op("Shape", like, start=3 - axis, end=4 - axis)
        limit = w.op("Squeeze", length, w.integers([0]))
        zero, one = w.constant(0, np.int64), w.constant(1, np.int64)
        pixels = w.op("Cast", w.op("Range", zero, limit, one), to=TensorProto.FLOAT)
        steps = w.op("Cast", w.op("Sub", length, one), to=TensorProto.FLOAT)
        factor = w.op("Div", w.constant(2.0), steps)
        places = w.op("Sub", w.op("Mul", pixels, factor), w.constant(1.0))
        places = w.op("Mul", w.op("Reshape", places, w.integers(shape)), w.constant(channel))
        return places, w.op("Reshape", factor, w.integers([1, 1, 1, 1]))

    def warp(self, pair: str, flow: str) -> str:
        """Both pictures (2, C, H, W) along flow (1, 4, H, W): out[y, x] = image[y + v, x + u]."""
        w = self._w
        both = reshape(w, flow, 2, 2)
        where = w.op("Add", w.op("Mul", both, self._factors), self._places)
        where = w.op("Transpose", where, perm=[0, 2, 3, 1])
        return w.op(
            "GridSample", pair, where, mode="bilinear", padding_mode="border", align_corners=1
        )
