"""The operations as layers of an ncnn network. Needs numpy alone.

The weights of convolutions are those of the checkpoint, number for number, as in the files that
users of rife-ncnn-vulkan exchange, so that a file can be imported again. What other targets fold
into weights (order of channels, factors) is done to tensors here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np

from vsrife.errors import ArgumentError
from vsrife.network.operations.interface import Span
from vsrife.network.operations.ncnn.ncnn_channels import (
    END,
    Channels,
    Pair,
    Taken,
    Weight,
    value_of,
)
from vsrife.network.operations.ncnn.ncnn_writer import SHARPNESS, Array, Blob, Writer
from vsrife.network.table import SLOPE

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _SUBTRACT_FROM = 0, 1, 2, 3, 7  # of BinaryOp
_LARGER = 4  # of BinaryOp
_ABSOLUTE, _FLOOR, _SQUARE, _ROOT, _EXP = 0, 2, 4, 5, 7  # of UnaryOp
_MEAN, _MAXIMUM = 3, 4  # of Reduction
_NEAREST, _BILINEAR = 1, 2  # of Interp
_ROWS, _COLUMNS = 1, 2  # axes


class NcnnOperations:
    """See `interface.Operations`; a pair is two tensors, N is 1.

    A tensor of an operation that has no width and height, (N, 2) or (N,), is a vector here.
    """

    def __init__(
        self,
        w: Writer,
        size: tuple[int, int] | None = None,
        *,
        gridsample: bool = False,
        fold: bool = False,
    ) -> None:
        """size: width and height of the frames, for `plane` alone; gridsample: warp by ncnn's
        GridSample, not by rife.Warp; fold: the gains of residuals are part of the convolutions."""
        self._w, self._size, self._gridsample, self._fold = w, size, gridsample, fold
        self._channels = Channels(w)
        self._grids: dict[float, Pair] = {}  # by cell

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        return self._w.scope(name)

    def to_compute(self, x: Blob) -> Blob:
        return x

    def to_full(self, x: Blob) -> Blob:
        return x

    def add(self, a: Blob, b: Blob | float) -> Blob:
        return self._binary(_ADD, a, b)

    def subtract(self, a: Blob | float, b: Blob) -> Blob:
        if isinstance(a, Blob):
            return self._binary(_SUBTRACT, a, b)
        return self._binary(_SUBTRACT_FROM, b, a)

    def multiply(self, a: Blob, b: Blob | float) -> Blob:
        return self._binary(_MULTIPLY, a, b)

    def divide(self, a: Blob, b: Blob) -> Blob:
        return self._binary(_DIVIDE, a, b)

    def absolute(self, x: Blob) -> Blob:
        return self._unary("UnaryOp", x, {0: _ABSOLUTE})

    def exp(self, x: Blob) -> Blob:
        return self._unary("UnaryOp", x, {0: _EXP})

    def sigmoid(self, x: Blob) -> Blob:
        return self._unary("Sigmoid", x)

    def clamp(self, x: Blob, low: float, high: float) -> Blob:
        return self._unary("Clip", x, {0: float(low), 1: float(high)})

    # Channels

    def join(self, tensors: Sequence[Blob]) -> Blob:
        return self._channels.join(tensors)

    def split(self, x: Blob, sizes: Sequence[int]) -> list[Blob]:
        ends = np.cumsum(sizes).tolist()
        return [
            self._channels.select(x, [Span(end - size, end)])
            for end, size in zip(ends, sizes, strict=True)
        ]

    def first(self, x: Blob, count: int) -> Blob:
        return self._channels.select(x, [Span(0, count)])

    def mean_channels(self, x: Blob) -> Blob:
        return self.multiply(self._sum_channels(x), 1 / x.channels)

    def norm_channels(self, x: Blob) -> Blob:
        squares = self._unary("UnaryOp", x, {0: _SQUARE})
        return self._unary("UnaryOp", self._sum_channels(squares), {0: _ROOT})

    # Rows and columns

    def resize(self, x: Blob, factor: float) -> Blob:
        if factor == 1:
            return x
        return self._unary("Interp", x, {0: _BILINEAR, 1: float(factor), 2: float(factor), 6: 0})

    def plane(self, timestep: Blob, s: float) -> Blob:
        if self._size is None:
            raise ArgumentError("timestep must be a plane in a network for frames of any size")
        width, height = (int(side / s) for side in self._size)
        return self._unary("Interp", timestep, {0: _NEAREST, 3: height, 4: width})

    def every(self, x: Blob, step: int) -> Blob:
        return self._pool(x, size=1, stride=step)

    def max_pool(self, x: Blob, size: int, stride: int) -> Blob:
        return self._pool(x, size, stride)

    def mean_pool(self, x: Blob, size: int) -> Blob:
        # 6=0: pixels outside do not count
        params = {0: 1, 1: size, 2: 1, 3: size // 2, 5: 1, 6: 0}
        return self._unary("Pooling", x, params)

    def pixel_shuffle(self, x: Blob) -> Blob:
        # selecting channels afterwards is the same, if squares stay whole
        source, spans = self._channels.source(x, 4)
        channels = source.channels // 4
        found = self._w.op("PixelShuffle", source, channels=channels, params={0: 2})
        return self._channels.select(found, [Span(a // 4, b // 4, f) for a, b, f in spans])

    # What is learnt

    def take(self, weight: Weight, axis: int, spans: Sequence[Span]) -> Weight:
        return Taken(value_of(weight), axis, tuple(spans))

    def conv(self, x: Blob, name: str, weight: Weight, bias: Weight, *, stride: int = 1) -> Blob:
        if isinstance(weight, Taken) and weight.axis == 1 and weight.whole:
            x, weight = self._channels.in_order(x, weight.spans), weight.weight
        weight = value_of(weight)
        padding = (weight.shape[2] - 1) // 2
        return self._w.convolution(x, name, weight, value_of(bias), stride=stride, padding=padding)

    def deconv(self, x: Blob, name: str, weight: Weight, bias: Weight) -> Blob:
        spans: Sequence[Span] = ()
        if isinstance(weight, Taken) and isinstance(bias, Taken) and weight.axis == 1:
            spans, weight, bias = weight.spans, weight.weight, bias.weight
        found = self._w.convolution(
            x, name, value_of(weight), value_of(bias), stride=2, padding=1, transposed=True
        )
        return self._channels.select(found, spans or [Span(0, found.channels)])

    def residual(
        self, x: Blob, name: str, weight: Weight, bias: Weight, beta: Weight | None, groups: int
    ) -> Blob:
        weight, bias = value_of(weight), value_of(bias)
        gains = None if beta is None else value_of(beta).reshape(-1, 1, 1)
        if gains is not None and self._fold:
            weight, bias, gains = weight * gains[..., None], bias * gains.reshape(-1), None
        y = self._w.convolution(x, name, weight, bias, stride=1, padding=1, groups=groups)
        if gains is not None:
            called = f"{name.removesuffix('conv')}beta"
            y = self.multiply(y, self._w.constant(gains, called))
        return self.leaky(self.add(y, x))

    def leaky(self, x: Blob) -> Blob:
        return self._unary("ReLU", x, {0: SLOPE})

    def prelu(self, x: Blob, slopes: Weight) -> Blob:
        return self._w.prelu(x, value_of(slopes))

    # Both frames

    def stack(self, left: Blob, right: Blob) -> Pair:
        return left, right

    def unstack(self, pair: Pair) -> Pair:
        return pair

    def images(self, pair: Pair) -> Pair:
        return self.first(pair[0], 3), self.first(pair[1], 3)

    def side_by_side(self, pair: Pair, channels: int) -> Blob:
        return self.join(pair)

    def warp(self, pair: Pair, flow: Blob, cell: float = 1) -> Pair:
        into_left, into_right = self.split(flow, [2, 2])
        return self._warped(pair[0], into_left, cell), self._warped(pair[1], into_right, cell)

    def bends(self, image: Blob, channels: int) -> Blob:
        with self._w.scope("sharp"):
            seen = self.mean_channels(image) if channels == 3 else image
            return self.join([self._half_bend(seen, axis) for axis in (_COLUMNS, _ROWS)])

    def warp_sharp(self, pair: Pair, bends: Pair, flow: Blob, channels: int) -> Pair:
        with self._w.scope("sharp"):
            left, right = (
                self._sharp(image, bend, into)
                for image, bend, into in zip(pair, bends, self.split(flow, [2, 2]), strict=True)
            )
        return left, right

    def warp_small(self, pair: Pair, flow: Blob | None, s: float) -> Pair:
        left, right = pair if flow is None else self.warp(pair, flow)
        return self.resize(left, 1 / s), self.resize(right, 1 / s)

    def _warped(self, image: Blob, flow: Blob, cell: float) -> Blob:
        if not self._gridsample:
            return self._w.op("rife.Warp", image, flow, channels=image.channels)
        if cell not in self._grids:
            self._grids[cell] = self._make_grid(image)
        places, factors = self._grids[cell]
        where = self.add(self.multiply(flow, factors), places)
        # bilinear, edge repeated, -1 and 1 are the centres of the outermost pixels; 3=1: x and y
        # are the grid's channels
        params = {0: 1, 1: 2, 2: 1, 3: 1}
        return self._w.op("GridSample", image, where, channels=image.channels, params=params)

    def _sharp(self, image: Blob, bends: Blob, flow: Blob) -> Blob:
        """`warp_sharp` of one frame."""
        fraction = self.subtract(flow, self._unary("UnaryOp", flow, {0: _FLOOR}))
        share = self.multiply(fraction, self.add(fraction, -1.0))
        if image.channels == 3:
            sharp = self.add(image, self._blur(bends, share))
        else:
            planes = self.split(image, [1] * image.channels)
            along = self.split(bends, [1] * bends.channels)
            both = zip(along[: len(planes)], along[len(planes) :], strict=True)
            blurs = (self._blur(self.join(two), share) for two in both)
            sharp = self.join([self.add(*two) for two in zip(planes, blurs, strict=True)])
        return self._warped(sharp, flow, 1)

    def _blur(self, bends: Blob, share: Blob) -> Blob:
        """share (2, H, W): of half the second differences of a plane, along x and y."""
        return self._sum_channels(self.multiply(share, bends))

    def _half_bend(self, x: Blob, axis: int) -> Blob:
        """Half the second difference along an axis; 0 at both ends."""
        before, here, after = (
            self._channels.cut(x, *bounds, axis) for bounds in ((0, -2), (1, -1), (2, END))
        )
        bend = self.subtract(self.multiply(self.add(before, after), 0.5), here)
        edges = {0: 1, 1: 1} if axis == _ROWS else {2: 1, 3: 1}
        return self._unary("Padding", bend, edges)

    def _make_grid(self, like: Blob) -> Pair:
        """Coordinates (2, H, W) from -1 to 1, x before y, and 2 / (side - 1), (2, 1, 1).

        like: a tensor of that height and width.
        """
        w = self._w
        with w.scope("grid"):
            corners = np.array([[[0, 1], [0, 1]], [[0, 0], [1, 1]]])
            # from 0 to 1: the second pixel is 1 / (side - 1) to the last bit
            params = {0: _BILINEAR, 5: 1, 6: 1}
            square = w.constant(corners, "corners")
            line = w.op("Interp", square, like, channels=2, params=params)
            x, y = (self._channels.cut(line, axis, axis + 1, 0) for axis in (0, 1))
            steps = [
                self._channels.cut(self._channels.cut(part, 1, 2, axis), 0, 1, 3 - axis)
                for part, axis in ((x, _COLUMNS), (y, _ROWS))
            ]
            factors = self.multiply(w.op("Concat", *steps, channels=2, params={0: 0}), 2.0)
            return self.add(self.multiply(line, 2.0), -1.0), factors

    # Matching

    def correlate(self, left: Blob, right: Blob, radius: int, cell: float = 1) -> Blob:
        near = self._moved(right, radius)
        return self.join([self._sum_channels(self.multiply(left, each)) for each in near])

    def meet(self, left: Blob, right: Blob, radius: int, cell: float = 1) -> Blob:
        pairs = zip(self._moved(left, radius)[::-1], self._moved(right, radius), strict=True)
        return self.join([self._sum_channels(self.multiply(*pair)) for pair in pairs])

    def _moved(self, x: Blob, radius: int) -> list[Blob]:
        """x at each displacement, that down slowest."""
        edges = {0: radius, 1: radius, 2: radius, 3: radius}
        padded = self._unary("Padding", x, edges)
        steps = range(2 * radius + 1)

        def cut(x: Blob, step: int, axis: int) -> Blob:
            return self._channels.cut(
                x, step, step - 2 * radius if step < 2 * radius else END, axis
            )

        rows = [cut(padded, step, _ROWS) for step in steps]
        return [cut(row, step, _COLUMNS) for row in rows for step in steps]

    def soft_argmax(self, volume: Blob, radius: int, sharpness: Weight) -> Blob:
        highest = self._largest_channel(volume)
        factor = float(value_of(sharpness).reshape(-1)[0])
        apart = self.subtract(volume, highest)
        shares = self.exp(self._binary(_MULTIPLY, apart, factor, name=SHARPNESS))
        steps = np.arange(-radius, radius + 1)
        places = np.stack([np.tile(steps, len(steps)), np.repeat(steps, len(steps))])
        mean = self.divide(self._mix_channels(shares, places), self._sum_channels(shares))
        return self.join([mean, highest])

    # Whole frames

    def mean(self, x: Blob) -> Blob:
        return self._unary("Reduction", x, {0: _MEAN, 1: 1})

    def largest(self, flow: Blob) -> Blob:
        parts = [self.absolute(part) for part in self.split(flow, [2, 2])]
        found = [self._unary("Reduction", part, {0: _MAXIMUM, 1: 1}) for part in parts]
        return self._w.op("Concat", *found, channels=2, params={0: 0})

    # Layers

    def _unary(self, kind: str, x: Blob, params: Mapping[int, int | float] | None = None) -> Blob:
        return self._w.op(kind, x, channels=x.channels, params=params or {})

    def _binary(self, kind: int, a: Blob, b: Blob | float, *, name: str = "") -> Blob:
        if isinstance(b, Blob):
            channels = max(a.channels, b.channels)
            return self._w.op("BinaryOp", a, b, channels=channels, params={0: kind})
        params = {0: kind, 1: 1, 2: float(b)}
        return self._w.op("BinaryOp", a, channels=a.channels, name=name, params=params)

    def _mix_channels(self, x: Blob, factors: Array) -> Blob:
        """Sums over the channels, times factors (O, C)."""
        weight = factors[:, :, None, None].astype(np.float32)
        bias = np.zeros(len(factors), np.float32)
        return self._w.convolution(x, "sum", weight, bias, stride=1, padding=0)

    def _sum_channels(self, x: Blob) -> Blob:
        # programs that run rife.Warp are built without ncnn's Reduction
        return self._mix_channels(x, np.ones((1, x.channels)))

    def _largest_channel(self, x: Blob) -> Blob:
        while x.channels > 1:
            half = (x.channels + 1) // 2  # the middle one may be in both halves
            low, high = self.first(x, half), Span(x.channels - half, x.channels)
            x = self._binary(_LARGER, low, self._channels.select(x, [high]))
        return x

    def _pool(self, x: Blob, size: int, stride: int) -> Blob:
        padding = size // 2 if stride == 1 else 0
        return self._unary("Pooling", x, {0: 0, 1: size, 2: stride, 3: padding, 5: 1})
