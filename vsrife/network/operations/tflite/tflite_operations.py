"""The operations as nodes of a TFLite graph, for frames of one size. Needs numpy alone.

Tensors are (N, H, W, C) in the file, and N is 1. Where several operators would do, those on the
published list of the GPU delegate are taken (`tflite_files.PUBLISHED`): PReLU for a leaky ReLU, a
transposed convolution of ones and zeros for a pixel shuffle, a slice for each part of a split.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np

from vsrife.network.operations.interface import Span
from vsrife.network.operations.tflite.tflite_warp import Pair, around_middles, middles, sampled
from vsrife.network.operations.tflite.tflite_writer import (
    Array,
    Tensor,
    Writer,
    padded,
    reshaped,
    sliced,
)
from vsrife.network.table import SLOPE

_SAME, _VALID = 0, 1  # of Padding in the schema
_ROWS, _COLUMNS, _CHANNELS = 1, 2, 3  # axes


class TfliteOperations:
    """See `interface.Operations`; a pair is two tensors."""

    def __init__(self, w: Writer, size: tuple[int, int]) -> None:
        """size: width and height of the frames."""
        self._w, self._size = w, size

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        return self._w.scope(name)

    def to_compute(self, x: Tensor) -> Tensor:
        return x

    def to_full(self, x: Tensor) -> Tensor:
        return x

    def add(self, a: Tensor, b: Tensor | float) -> Tensor:
        return self._both("ADD", a, b)

    def subtract(self, a: Tensor | float, b: Tensor) -> Tensor:
        return self._both("SUB", a, b)

    def multiply(self, a: Tensor, b: Tensor | float) -> Tensor:
        return self._both("MUL", a, b)

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        return self._both("DIV", a, b)

    def absolute(self, x: Tensor) -> Tensor:
        return self._w.op("ABS", x, shape=x.shape)

    def exp(self, x: Tensor) -> Tensor:
        return self._w.op("EXP", x, shape=x.shape)

    def sigmoid(self, x: Tensor) -> Tensor:
        return self._w.op("LOGISTIC", x, shape=x.shape)

    def clamp(self, x: Tensor, low: float, high: float) -> Tensor:
        return self._both("MINIMUM", self._both("MAXIMUM", x, low), high)

    # Channels

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        if len(tensors) == 1:
            return tensors[0]
        shape = (*tensors[0].shape[:_CHANNELS], sum(x.channels for x in tensors))
        return self._w.op("CONCATENATION", *tensors, shape=shape, axis=_CHANNELS)

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        ends = np.cumsum(sizes).tolist()
        pieces = zip(ends, sizes, strict=True)
        return [sliced(self._w, x, _CHANNELS, end - size, end) for end, size in pieces]

    def first(self, x: Tensor, count: int) -> Tensor:
        return sliced(self._w, x, _CHANNELS, 0, count)

    def mean_channels(self, x: Tensor) -> Tensor:
        return self._reduced("MEAN", x, [_CHANNELS])

    def norm_channels(self, x: Tensor) -> Tensor:
        squares = self._reduced("SUM", self.multiply(x, x), [_CHANNELS])
        return self._w.op("SQRT", squares, shape=squares.shape)

    # Rows and columns

    def resize(self, x: Tensor, factor: float) -> Tensor:
        if factor == 1:
            return x
        if factor == 0.5:
            return self._pooled("AVERAGE_POOL_2D", x, 2, 2)
        height, width = (int(side * factor) for side in x.sides)
        return self._enlarged(x, height, width)

    def plane(self, timestep: Tensor, s: float) -> Tensor:
        width, height = (int(side / s) for side in self._size)
        return self._enlarged(timestep, height, width)

    def every(self, x: Tensor, step: int) -> Tensor:
        for axis in (_ROWS, _COLUMNS):
            x = sliced(self._w, x, axis, 0, x.shape[axis], step)
        return x

    def max_pool(self, x: Tensor, size: int, stride: int) -> Tensor:
        return self._pooled("MAX_POOL_2D", x, size, stride)

    def mean_pool(self, x: Tensor, size: int) -> Tensor:
        # pixels outside do not count in padding of kind "same"
        return self._pooled("AVERAGE_POOL_2D", x, size, 1)

    def pixel_shuffle(self, x: Tensor) -> Tensor:
        # not DEPTH_TO_SPACE, which has another order of channels, and is on no list of GPUs
        ones = np.zeros((x.channels // 4, 2, 2, x.channels), np.float32)
        for channel in range(x.channels):
            place, phase = divmod(channel, 4)
            ones[place, phase // 2, phase % 2, channel] = 1
        return self._transposed(x, self._w.constant(ones), None, 2, "pixelshuffle")

    # What is learnt

    def take(self, weight: Array, axis: int, spans: Sequence[Span]) -> Array:
        parts = [
            np.take(weight, range(start, stop), axis) * np.float32(factor)
            for start, stop, factor in spans
        ]
        return np.concatenate(parts, axis)

    def conv(self, x: Tensor, name: str, weight: Array, bias: Array, *, stride: int = 1) -> Tensor:
        kernel = weight.shape[2]
        shape = (1, *(side // stride for side in x.sides), len(weight))
        padding = _SAME
        if kernel == 3 and stride == 2:  # "same" would begin at the first pixel, and end outside
            x, padding = padded(self._w, x, 1, 1, 0, 0), _VALID
        kernels = self._w.weight(weight.transpose(0, 2, 3, 1))
        return self._w.op(
            "CONV_2D", x, kernels, self._w.constant(bias), shape=shape, name=name,
            padding=padding, strideW=stride, strideH=stride,
        )  # fmt: skip  # two lines, not nine

    def deconv(self, x: Tensor, name: str, weight: Array, bias: Array) -> Tensor:
        kernels = self._w.weight(weight.transpose(1, 2, 3, 0))
        return self._transposed(x, kernels, bias, 2, name)

    def residual(
        self, x: Tensor, name: str, weight: Array, bias: Array, beta: Array | None, groups: int
    ) -> Tensor:
        gains = np.ones(len(weight), np.float32)
        if beta is not None:
            gains = np.asarray(beta, np.float32).reshape(-1)
        weight = np.asarray(weight, np.float32) * gains[:, None, None, None]
        bias = bias * gains
        # a sum folded into the weights costs nothing, but in fewer bits they have no room for it
        folded = self._w.precision == "fp32"
        if folded:
            rows = np.arange(len(weight))
            weight[rows, rows % (len(weight) // groups), 1, 1] += 1
        pieces = self.split(x, [x.channels // groups] * groups)
        parts = [
            self.conv(piece, name, part, offset)
            for piece, part, offset in zip(
                pieces, np.split(weight, groups), np.split(bias, groups), strict=True
            )
        ]  # not one grouped convolution, which few runtimes take
        y = self.join(parts)
        return self.leaky(y if folded else self.add(y, x))

    def leaky(self, x: Tensor) -> Tensor:
        return self.prelu(x, np.full(x.channels, SLOPE, np.float32))

    def prelu(self, x: Tensor, slopes: Array) -> Tensor:
        constant = self._w.constant(slopes.reshape(1, 1, -1))
        return self._w.op("PRELU", x, constant, shape=x.shape)

    # Both frames

    def stack(self, left: Tensor, right: Tensor) -> Pair:
        return left, right

    def unstack(self, pair: Pair) -> tuple[Tensor, Tensor]:
        return pair

    def images(self, pair: Pair) -> Pair:
        left, right = (self.first(x, 3) for x in pair)
        return left, right

    def side_by_side(self, pair: Pair, channels: int) -> Tensor:
        return self.join(pair)

    def warp(self, pair: Pair, flow: Tensor, cell: float = 1) -> Pair:
        return sampled(self._w, pair, flow, *map(np.arange, pair[0].sides))

    def bends(self, image: Tensor, channels: int) -> Tensor:
        seen = self.mean_channels(image) if channels == 3 else image
        return self.join([self._half_bend(seen, axis) for axis in (_COLUMNS, _ROWS)])

    def warp_sharp(self, pair: Pair, bends: Pair, flow: Tensor, channels: int) -> Pair:
        fraction = self.subtract(flow, self._w.op("FLOOR", flow, shape=flow.shape))
        share = self.multiply(fraction, self.add(fraction, -1.0))
        left, right = (
            self._sharpened(image, bend, part)
            for image, bend, part in zip(pair, bends, self.split(share, [2, 2]), strict=True)
        )
        return self.warp((left, right), flow)

    def warp_small(self, pair: Pair, flow: Tensor | None, s: float) -> Pair:
        if flow is not None and s >= 4:  # of each cell, only the four inner pixels
            step = int(s)
            lines = [middles(side, step) for side in self._size[::-1]]
            pair, s = sampled(self._w, pair, around_middles(self._w, flow, step), *lines), 2
        elif flow is not None:
            pair = self.warp(pair, flow)
        left, right = (self.resize(x, 1 / s) for x in pair)
        return left, right

    # Matching

    def correlate(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        return self._products([(left, moved) for moved in self._moved(right, radius)])

    def meet(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        sides = self._moved(left, radius)[::-1], self._moved(right, radius)
        return self._products(list(zip(*sides, strict=True)))

    def _products(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        products = [self.multiply(*pair) for pair in pairs]
        return self.join([self._reduced("SUM", product, [_CHANNELS]) for product in products])

    def _moved(self, x: Tensor, radius: int) -> list[Tensor]:
        """x at each displacement, that down slowest."""
        height, width = x.sides
        around = padded(self._w, x, *[radius] * 4)
        places = range(2 * radius + 1)
        rows = [sliced(self._w, around, _ROWS, dy, dy + height) for dy in places]
        return [sliced(self._w, row, _COLUMNS, dx, dx + width) for row in rows for dx in places]

    def soft_argmax(self, volume: Tensor, radius: int, sharpness: Array) -> Tensor:
        sharp = self.multiply(volume, float(np.reshape(sharpness, ())))
        shares = self._w.op("SOFTMAX", sharp, shape=sharp.shape, beta=1.0)
        steps = np.arange(-radius, radius + 1, dtype=np.float32)
        places = np.stack((np.tile(steps, len(steps)), np.repeat(steps, len(steps))))
        kernels = self._w.constant(places[:, None, None, :])  # exact in any precision of weights
        mean = self._w.op(
            "CONV_2D", shares, kernels, self._w.constant([0.0, 0.0]),
            shape=(*volume.shape[:_CHANNELS], 2), padding=_SAME, strideW=1, strideH=1,
        )  # fmt: skip  # two lines, not nine
        return self.join([mean, self._reduced("REDUCE_MAX", volume, [_CHANNELS])])

    # Whole frames

    def mean(self, x: Tensor) -> Tensor:
        means = self._reduced("MEAN", x, [_ROWS, _COLUMNS, _CHANNELS])
        return reshaped(self._w, means, (1,))

    def largest(self, flow: Tensor) -> Tensor:
        parts = self.split(self.absolute(flow), [2, 2])
        axes = [_ROWS, _COLUMNS, _CHANNELS]
        both = self.join([self._reduced("REDUCE_MAX", part, axes) for part in parts])
        return reshaped(self._w, both, (1, 2))

    # Sharpness

    def _sharpened(self, image: Tensor, bends: Tensor, share: Tensor) -> Tensor:
        if image.channels == 3:
            blur = self._reduced("SUM", self.multiply(share, bends), [_CHANNELS])
        else:
            shares, along = self.split(share, [1, 1]), self.split(bends, [image.channels] * 2)
            products = (self.multiply(*two) for two in zip(shares, along, strict=True))
            blur = self.add(*products)
        return self.add(image, blur)

    def _half_bend(self, x: Tensor, axis: int) -> Tensor:
        """Half the second difference along an axis; 0 at both ends."""
        side = x.shape[axis]
        before, here, after = (sliced(self._w, x, axis, i, side - 2 + i) for i in range(3))
        bend = self.subtract(self.multiply(self.add(before, after), 0.5), here)
        down, across = int(axis == _ROWS), int(axis == _COLUMNS)
        return padded(self._w, bend, down, across, down, across)

    # Nodes

    def _both(self, kind: str, a: Tensor | float, b: Tensor | float) -> Tensor:
        left, right = (x if isinstance(x, Tensor) else self._w.constant(x) for x in (a, b))
        shape = np.broadcast_shapes(left.shape, right.shape)
        return self._w.op(kind, left, right, shape=shape)

    def _reduced(self, kind: str, x: Tensor, axes: Sequence[int]) -> Tensor:
        shape = [1 if axis in axes else side for axis, side in enumerate(x.shape)]
        return self._w.op(kind, x, self._w.integers(axes), shape=shape, keepDims=True)

    def _enlarged(self, x: Tensor, height: int, width: int) -> Tensor:
        """Bilinear between pixel centres, up or down."""
        sides = self._w.integers([height, width])
        shape = (1, height, width, x.channels)
        return self._w.op("RESIZE_BILINEAR", x, sides, shape=shape, halfPixelCenters=True)

    def _pooled(self, kind: str, x: Tensor, size: int, stride: int) -> Tensor:
        shape = (1, *(side // stride for side in x.sides), x.channels)
        return self._w.op(
            kind, x, shape=shape, padding=_SAME if stride == 1 else _VALID,
            filterWidth=size, filterHeight=size, strideW=stride, strideH=stride,
        )  # fmt: skip  # two lines, not nine

    def _transposed(
        self, x: Tensor, kernels: Tensor, bias: Array | None, stride: int, name: str
    ) -> Tensor:
        """kernels (O, K, K, I); K is the stride or twice that, with padding of a quarter of it."""
        height, width = (side * stride for side in x.sides)
        shape = (1, height, width, kernels.shape[0])
        offsets = np.zeros(kernels.shape[0], np.float32) if bias is None else bias
        return self._w.op(
            "TRANSPOSE_CONV", self._w.integers(shape), kernels, x, self._w.constant(offsets),
            shape=shape, name=name, padding=_SAME, strideW=stride, strideH=stride,
        )  # fmt: skip  # two lines, not nine
