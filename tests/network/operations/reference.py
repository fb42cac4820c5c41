"""The operations by their definitions, in double precision: what the targets are compared with.

Slow, and without any framework. Batches are not written down: N is 1, and a pair is two arrays, as
in targets that have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vsrife.network.operations.interface import Span

Array = NDArray[np.float64]
Pair = tuple[Array, Array]


def blend_axis(x: Array, places: Array, axis: int) -> Array:
    """Linear between neighbours at places 0 ... side - 1; the outermost number beyond."""
    side = x.shape[axis]
    places = places.clip(0, side - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, side - 1)
    part = (places - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    return x.take(low, axis) * (1 - part) + x.take(high, axis) * part


def windows(x: Array, size: int, outside: float) -> Array:
    """(1, C, H, W) -> (1, C, H, W, size, size) around each pixel."""
    pad = size // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=outside)
    return sliding_window_view(padded, (size, size), axis=(2, 3))


class NumpyOperations:
    """See `interface.Operations`."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.height = size

    def scope(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def to_compute(self, x: Array) -> Array:
        return x

    def to_full(self, x: Array) -> Array:
        return x

    def add(self, a: Array, b: Array | float) -> Array:
        return a + b

    def subtract(self, a: Array | float, b: Array) -> Array:
        return a - b

    def multiply(self, a: Array, b: Array | float) -> Array:
        return a * b

    def divide(self, a: Array, b: Array) -> Array:
        return a / b

    def absolute(self, x: Array) -> Array:
        return np.where(x < 0, -x, x)

    def exp(self, x: Array) -> Array:
        return np.exp(x)

    def sigmoid(self, x: Array) -> Array:
        return 1 / (1 + np.exp(-x))

    def clamp(self, x: Array, low: float, high: float) -> Array:
        return np.minimum(np.maximum(x, low), high)

    def join(self, tensors: Sequence[Array]) -> Array:
        return np.concatenate(tensors, 1)

    def split(self, x: Array, sizes: Sequence[int]) -> list[Array]:
        ends = np.cumsum(sizes)
        return [x[:, end - size : end] for end, size in zip(ends, sizes, strict=True)]

    def first(self, x: Array, count: int) -> Array:
        return x[:, :count]

    def mean_channels(self, x: Array) -> Array:
        return x.sum(1, keepdims=True) / x.shape[1]

    def norm_channels(self, x: Array) -> Array:
        return np.sqrt((x * x).sum(1, keepdims=True))

    def resize(self, x: Array, factor: float) -> Array:
        for axis in (2, 3):
            count = int(x.shape[axis] * factor)
            x = blend_axis(x, (np.arange(count) + 0.5) / factor - 0.5, axis)
        return x

    def plane(self, timestep: Array, s: float) -> Array:
        return np.full((1, 1, int(self.height / s), int(self.width / s)), timestep.item())

    def every(self, x: Array, step: int) -> Array:
        rows, columns = (np.arange(0, side, step) for side in x.shape[2:])
        return x[:, :, rows][:, :, :, columns]

    def max_pool(self, x: Array, size: int, stride: int) -> Array:
        if stride == 1:
            return windows(x, size, -np.inf).max((4, 5))
        height, width = (side // size for side in x.shape[2:])
        return x.reshape(1, -1, height, size, width, size).max((3, 5))

    def mean_pool(self, x: Array, size: int) -> Array:
        counts = windows(np.ones_like(x), size, 0).sum((4, 5))
        return windows(x, size, 0).sum((4, 5)) / counts

    def pixel_shuffle(self, x: Array) -> Array:
        out = np.empty((1, x.shape[1] // 4, 2 * x.shape[2], 2 * x.shape[3]))
        for phase in range(4):
            out[:, :, phase // 2 :: 2, phase % 2 :: 2] = x[:, phase::4]
        return out

    def take(self, weight: Array, axis: int, spans: Sequence[Span]) -> Array:
        places = [i for start, stop, _ in spans for i in range(start, stop)]
        factors = [factor for start, stop, factor in spans for _ in range(start, stop)]
        shape = [-1 if a == axis else 1 for a in range(weight.ndim)]
        return weight.take(places, axis) * np.reshape(factors, shape)

    def conv(self, x: Array, name: str, weight: Array, bias: Array, *, stride: int = 1) -> Array:
        side = weight.shape[2]
        pad = (side - 1) // 2
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        seen = sliding_window_view(padded, (side, side), axis=(2, 3))[:, :, ::stride, ::stride]
        out = np.einsum("nihwyx,oiyx->nohw", seen, weight, optimize=True)
        return out + bias.reshape(1, -1, 1, 1)

    def deconv(self, x: Array, name: str, weight: Array, bias: Array) -> Array:
        _, _, height, width = x.shape
        out = np.zeros((1, weight.shape[1], 2 * height + 2, 2 * width + 2))
        for dy in range(4):
            for dx in range(4):
                part = np.einsum("nihw,io->nohw", x, weight[:, :, dy, dx], optimize=True)
                out[:, :, dy : dy + 2 * height : 2, dx : dx + 2 * width : 2] += part
        return out[:, :, 1:-1, 1:-1] + bias.reshape(1, -1, 1, 1)

    def residual(
        self, x: Array, name: str, weight: Array, bias: Array, beta: Array | None, groups: int
    ) -> Array:
        parts = zip(
            *(np.split(each, groups, axis) for each, axis in ((x, 1), (weight, 0), (bias, 0))),
            strict=True,
        )
        y = np.concatenate([self.conv(part, name, w, b) for part, w, b in parts], 1)
        return self.leaky(x + (1 if beta is None else beta) * y)

    def leaky(self, x: Array) -> Array:
        return np.where(x < 0, 0.2 * x, x)

    def prelu(self, x: Array, slopes: Array) -> Array:
        return np.where(x < 0, slopes.reshape(1, -1, 1, 1) * x, x)

    def stack(self, left: Array, right: Array) -> Pair:
        return left, right

    def unstack(self, pair: Pair) -> tuple[Array, Array]:
        return pair

    def images(self, pair: Pair) -> Pair:
        return pair[0][:, :3], pair[1][:, :3]

    def side_by_side(self, pair: Pair, channels: int) -> Array:
        return np.concatenate(pair, 1)

    def warp(self, pair: Pair, flow: Array, cell: float = 1) -> Pair:
        return _warped(pair[0], flow[:, :2]), _warped(pair[1], flow[:, 2:])

    def bends(self, image: Array, channels: int) -> Array:
        """Point by point: how far a line is off a parabola."""
        seen = image[:, :3].mean(1, keepdims=True) if channels == 3 else image
        along = np.zeros((2, *seen[0].shape), np.float32)  # x, y
        for c, y, x in np.ndindex(seen[0].shape):
            z = seen[0, c]
            if 0 < x < z.shape[1] - 1:
                along[0, c, y, x] = ((z[y, x + 1] - z[y, x]) - (z[y, x] - z[y, x - 1])) / 2
            if 0 < y < z.shape[0] - 1:
                along[1, c, y, x] = ((z[y + 1, x] - z[y, x]) - (z[y, x] - z[y - 1, x])) / 2
        return along.reshape(1, -1, *seen.shape[2:])

    def warp_sharp(self, pair: Pair, bends: Pair, flow: Array, channels: int) -> Pair:
        return (
            _unbent(pair[0], bends[0], flow[:, :2]),
            _unbent(pair[1], bends[1], flow[:, 2:]),
        )

    def warp_small(self, pair: Pair, flow: Array | None, s: float) -> Pair:
        left, right = pair if flow is None else self.warp(pair, flow)
        return self.resize(left, 1 / s), self.resize(right, 1 / s)

    def correlate(self, left: Array, right: Array, radius: int, cell: float = 1) -> Array:
        height, width = left.shape[2:]
        padded = np.pad(right, ((0, 0), (0, 0), (radius, radius), (radius, radius)))
        steps = range(2 * radius + 1)
        moved = [padded[:, :, v : v + height, u : u + width] for v in steps for u in steps]
        return np.concatenate([(left * x).sum(1, keepdims=True) for x in moved], 1)

    def meet(self, left: Array, right: Array, radius: int, cell: float = 1) -> Array:
        height, width = left.shape[2:]
        volume = np.zeros((1, (2 * radius + 1) ** 2, height, width), np.float32)
        for y, x in np.ndindex(height, width):
            for v, u in np.ndindex(2 * radius + 1, 2 * radius + 1):
                dy, dx = v - radius, u - radius
                if abs(dy) <= min(y, height - 1 - y) and abs(dx) <= min(x, width - 1 - x):
                    products = left[0, :, y - dy, x - dx] * right[0, :, y + dy, x + dx]
                    volume[0, v * (2 * radius + 1) + u, y, x] = products.sum()
        return volume

    def soft_argmax(self, volume: Array, radius: int, sharpness: Array) -> Array:
        shares = np.exp(sharpness * volume)
        shares /= shares.sum(1, keepdims=True)
        v, u = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        means = [(shares * at.reshape(1, -1, 1, 1)).sum(1, keepdims=True) for at in (u, v)]
        return np.concatenate([*means, volume.max(1, keepdims=True)], 1)

    def mean(self, x: Array) -> Array:
        return x.reshape(1, -1).sum(1) / x.size

    def largest(self, flow: Array) -> Array:
        return np.array([[abs(flow[:, :2]).max(), abs(flow[:, 2:]).max()]])


def _warped(image: Array, flow: Array) -> Array:
    height, width = image.shape[2:]
    rows, columns = np.mgrid[:height, :width] + flow[0, ::-1]
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    v, u = rows - top, columns - left
    above = image[:, :, top, left] * (1 - u) + image[:, :, top, right] * u
    below = image[:, :, bottom, left] * (1 - u) + image[:, :, bottom, right] * u
    return above * (1 - v) + below * v


def _unbent(image: Array, bends: Array, flow: Array) -> Array:
    """What lines are off parabolas, with the flow there; then the warp."""
    across, down = np.split(bends, 2, 1)
    u, v = (np.mod(flow[:, i : i + 1], 1.0) for i in (0, 1))
    return _warped(image - u * (1 - u) * across - v * (1 - v) * down, flow)
