"""What the networks are made of, as nodes. Tensors are (N, C, H, W) unless said."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto

from vsrife.network.operations.onnx.onnx_writer import Array, Writer
from vsrife.network.table import SLOPE


def resize(w: Writer, x: str, factor: float) -> str:
    """Sides times `factor`: bilinear, half-pixel centres, aliasing."""
    if factor == 1:
        return x
    if factor == 0.5:  # the same numbers, and a faster node
        return w.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
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


def cast(w: Writer, x: str, *, half: bool) -> str:
    """To the convolutions' type or back; nothing in a graph that is fp32 throughout."""
    if not w.half:
        return x
    return w.op("Cast", x, to=TensorProto.FLOAT16 if half else TensorProto.FLOAT)


def leaky(w: Writer, x: str) -> str:
    return w.op("LeakyRelu", x, alpha=SLOPE)


def conv(w: Writer, x: str, name: str, weight: Array, bias: Array, stride: int = 1) -> str:
    """3x3 with a border of 1."""
    return _convolve(w, "Conv", x, name, weight, bias, kernel=3, stride=stride, group=1)


def deconv(w: Writer, x: str, name: str, weight: Array, bias: Array) -> str:
    """Transposed 4x4, twice as fine."""
    return _convolve(w, "ConvTranspose", x, name, weight, bias, kernel=4, stride=2)


def _convolve(
    w: Writer,
    kind: str,
    x: str,
    name: str,
    weight: Array,
    bias: Array,
    *,
    kernel: int,
    stride: int,
    **more: int,
) -> str:
    return w.op(
        kind,
        x,
        w.constant(weight, w.weight_type),
        w.constant(bias, w.weight_type),
        name=name,
        kernel_shape=[kernel, kernel],
        pads=[1, 1, 1, 1],
        strides=[stride, stride],
        **more,
    )
