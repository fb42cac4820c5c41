"""The operations as ONNX nodes. Needs numpy and onnx, no framework.

Three exact optimisations make graphs faster: halving uses AveragePool, a small warp computes only
the pixels that are used, and the sum of a residual is folded into the weights as a one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from onnx import TensorProto

from vsrife.network.operations.interface import Span
from vsrife.network.operations.onnx.onnx_correlation import correlate, meet, soft_argmax
from vsrife.network.operations.onnx.onnx_warps import Grid, around_middles, bends, warp_sharp
from vsrife.network.operations.onnx.onnx_writer import END, Array, Writer
from vsrife.network.table import SLOPE

_TILED_CELL = 16  # pixels; finer cells have too few channels for products of matrices to pay


class OnnxOperations:
    """See `interface.Operations`; tensors are names, a pair is (2, C, H, W), N is 1."""

    def __init__(
        self,
        w: Writer,
        size: tuple[int, int] | None,
        like: str,
        *,
        shortcuts: bool = True,
        grid: Grid | None = None,
    ) -> None:
        """size: width and height of the frames; None: those of the tensor `like` at run time.

        shortcuts: compute only pixels that are used; grid: of the frames, if one exists already.
        """
        self._w, self._size, self._like, self._shortcuts = w, size, like, shortcuts
        self._grid = grid
        self._grids: dict[float, Grid] = {}  # of smaller sizes, by cell
        self._sampled: dict[tuple[str, float], str] = {}  # flow and s -> flow around the middles

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        return self._w.scope(name)

    def to_compute(self, x: str) -> str:
        return self._w.op("Cast", x, to=TensorProto.FLOAT16) if self._w.half else x

    def to_full(self, x: str) -> str:
        return self._w.op("Cast", x, to=TensorProto.FLOAT) if self._w.half else x

    def add(self, a: str, b: str | float) -> str:
        return self._w.op("Add", a, self._named(b))

    def subtract(self, a: str | float, b: str) -> str:
        return self._w.op("Sub", self._named(a), b)

    def multiply(self, a: str, b: str | float) -> str:
        if b == -1:
            return self._w.op("Neg", a)
        return self._w.op("Mul", a, self._named(b))

    def divide(self, a: str, b: str) -> str:
        return self._w.op("Div", a, b)

    def absolute(self, x: str) -> str:
        return self._w.op("Abs", x)

    def exp(self, x: str) -> str:
        return self._w.op("Exp", x)

    def sigmoid(self, x: str) -> str:
        return self._w.op("Sigmoid", x)

    def clamp(self, x: str, low: float, high: float) -> str:
        return self._w.op("Clip", x, self._w.constant(low), self._w.constant(high))

    # Channels

    def join(self, tensors: Sequence[str]) -> str:
        return tensors[0] if len(tensors) == 1 else self._w.op("Concat", *tensors, axis=1)

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        if len(sizes) == 1:
            return [x]
        return self._w.ops("Split", x, self._w.integers(sizes), outputs=len(sizes), axis=1)

    def first(self, x: str, count: int) -> str:
        w = self._w
        return w.op("Slice", x, w.integers([0]), w.integers([count]), w.integers([1]))

    def mean_channels(self, x: str) -> str:
        return self._w.op("ReduceMean", x, axes=[1], keepdims=1)

    def norm_channels(self, x: str) -> str:
        return self._w.op("ReduceL2", x, axes=[1], keepdims=1)

    # Rows and columns

    def resize(self, x: str, factor: float) -> str:
        w = self._w
        if factor == 1:
            return x
        if (x, 1 / factor) in self._sampled:
            return self.resize(self._sampled[x, 1 / factor], 0.5)
        if factor == 0.5:  # equal, and faster than Resize
            return w.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        scales = w.constant([1, 1, factor, factor])
        centres = "half_pixel"
        return w.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode=centres)

    def plane(self, timestep: str, s: float) -> str:
        w = self._w
        if self._size is not None:
            sides = w.integers([1, 1, *(int(side / s) for side in self._size[::-1])])
            return w.op("Expand", timestep, sides)
        now = w.op("Shape", self._like, start=2, end=4)
        if s >= 1:
            now = w.op("Div", now, w.integers([int(s)]))
        else:
            now = w.op("Mul", now, w.integers([int(1 / s)]))
        return w.op("Expand", timestep, w.op("Concat", w.integers([1, 1]), now, axis=0))

    def every(self, x: str, step: int) -> str:
        bounds = ([0, 0], [END, END], [2, 3], [step, step])
        return self._w.op("Slice", x, *map(self._w.integers, bounds))

    def max_pool(self, x: str, size: int, stride: int) -> str:
        pads = [size // 2 if stride == 1 else 0] * 4
        kernel, strides = [size, size], [stride, stride]
        return self._w.op("MaxPool", x, kernel_shape=kernel, strides=strides, pads=pads)

    def mean_pool(self, x: str, size: int) -> str:
        # count_include_pad is 0 by default: pixels outside do not count
        return self._w.op("AveragePool", x, kernel_shape=[size, size], pads=[size // 2] * 4)

    def pixel_shuffle(self, x: str) -> str:
        return self._w.op("DepthToSpace", x, blocksize=2, mode="CRD")

    # What is learnt

    def take(self, weight: Array, axis: int, spans: Sequence[Span]) -> Array:
        parts = [
            np.take(weight, range(start, stop), axis) * np.float32(factor)
            for start, stop, factor in spans
        ]
        return np.concatenate(parts, axis)

    def conv(self, x: str, name: str, weight: Array, bias: Array, *, stride: int = 1) -> str:
        return self._convolve("Conv", x, name, weight, bias, stride, group=1)

    def deconv(self, x: str, name: str, weight: Array, bias: Array) -> str:
        return self._convolve("ConvTranspose", x, name, weight, bias, 2)

    def residual(
        self, x: str, name: str, weight: Array, bias: Array, beta: Array | None, groups: int
    ) -> str:
        gains = np.ones(len(weight), np.float32)
        if beta is not None:
            gains = np.asarray(beta, np.float32).reshape(-1)
        weight = np.asarray(weight, np.float32) * gains[:, None, None, None]
        if not self._w.half:  # fp16: weights near 1 have steps of 2^-10
            rows = np.arange(len(weight))
            weight[rows, rows % (len(weight) // groups), 1, 1] += 1
        y = self._convolve("Conv", x, name, weight, bias * gains, 1, group=groups)
        return self.leaky(self.add(y, x) if self._w.half else y)

    def leaky(self, x: str) -> str:
        return self._w.op("LeakyRelu", x, alpha=SLOPE)

    def prelu(self, x: str, slopes: Array) -> str:
        constant = self._w.constant(slopes.reshape(-1, 1, 1), self._w.weight_type)
        return self._w.op("PRelu", x, constant)

    def _convolve(
        self, kind: str, x: str, name: str, weight: Array, bias: Array, stride: int, **more: int
    ) -> str:
        weights, biases = (self._w.constant(a, self._w.weight_type) for a in (weight, bias))
        kernel, strides = list(weight.shape[2:]), [stride, stride]
        pads = [(kernel[0] - 1) // 2] * 4
        return self._w.op(
            kind, x, weights, biases,
            name=name, kernel_shape=kernel, strides=strides, pads=pads, **more,
        )  # fmt: skip  # two lines, not eight

    # Both frames

    def stack(self, left: str, right: str) -> str:
        return self._w.op("Concat", left, right, axis=0)

    def unstack(self, pair: str) -> tuple[str, str]:
        left, right = self._w.ops("Split", pair, self._w.integers([1, 1]), outputs=2, axis=0)
        return left, right

    def images(self, pair: str) -> str:
        return self.first(pair, 3)

    def side_by_side(self, pair: str, channels: int) -> str:
        return self._w.op("Reshape", pair, self._w.integers([1, 2 * channels, 0, 0]))

    def warp(self, pair: str, flow: str, cell: float = 1) -> str:
        if cell == 1:
            return self._pixels().warp(pair, flow)
        if cell not in self._grids:
            self._grids[cell] = Grid(self._w, self._reduced(cell), flow)
        return self._grids[cell].warp(pair, flow)

    def bends(self, image: str, channels: int) -> str:
        with self._w.scope("sharp"):
            return bends(self._w, image, channels)

    def warp_sharp(self, pair: str, bends: str, flow: str, channels: int) -> str:
        with self._w.scope("sharp"):
            return warp_sharp(self._w, self._pixels(), pair, bends, flow, channels)

    def warp_small(self, pair: str, flow: str | None, s: float) -> str:
        if flow is None:
            return self.resize(pair, 1 / s)
        if not self._shortcuts or s < 4:
            return self.resize(self.warp(pair, flow), 1 / s)
        sampled = around_middles(self._w, flow, int(s), 4)
        self._sampled[flow, s] = sampled
        return self.resize(self._pixels().warp(pair, sampled, int(s)), 0.5)

    def _reduced(self, cell: float) -> tuple[int, int] | None:
        """The frames' size divided by `cell`, if it is known."""
        if self._size is None:
            return None
        return int(self._size[0] / cell), int(self._size[1] / cell)

    def _pixels(self) -> Grid:
        if self._grid is None:
            self._grid = Grid(self._w, self._size, self._like)
        return self._grid

    # Matching

    def correlate(self, left: str, right: str, radius: int, cell: float = 1) -> str:
        with self._w.scope("correlation"):
            size, tiles = self._reduced(cell), cell >= _TILED_CELL
            return correlate(self._w, left, right, radius, size, tiles=tiles)

    def meet(self, left: str, right: str, radius: int, cell: float = 1) -> str:
        with self._w.scope("meeting"):
            return meet(self._w, left, right, radius, self._reduced(cell))

    def soft_argmax(self, volume: str, radius: int, sharpness: Array) -> str:
        with self._w.scope("peak"):
            return soft_argmax(self._w, volume, radius, sharpness)

    # Whole frames

    def mean(self, x: str) -> str:
        return self._w.op("ReduceMean", x, axes=[1, 2, 3], keepdims=0)

    def largest(self, flow: str) -> str:
        w = self._w
        both = w.op("Reshape", flow, w.integers([2, 2, 0, 0]))
        sizes = w.op("ReduceMax", w.op("Abs", both), axes=[1, 2, 3], keepdims=0)
        return w.op("Reshape", sizes, w.integers([1, 2]))

    def _named(self, x: str | float) -> str:
        return x if isinstance(x, str) else self._w.constant(x)
