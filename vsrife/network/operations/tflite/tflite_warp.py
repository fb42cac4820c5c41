"""The warp as TFLite nodes: four gathers for each frame, and what lies between them."""

from __future__ import annotations

from math import prod

import numpy as np

from vsrife.network.operations.tflite.tflite_writer import Array, Tensor, Writer, reshaped, sliced

Pair = tuple[Tensor, Tensor]

_FLOAT, _INT = 0, 2  # of TensorType in the schema
_COLUMNS, _CHANNELS = 2, 3  # axes


def sampled(w: Writer, pair: Pair, flow: Tensor, rows: Array, columns: Array) -> Pair:
    """Both images (1, H, W, C) at these pixels, moved by flow: (1, rows, columns, C).

    flow (1, rows, columns, 4): a vector for each of these pixels and each image.
    """
    left, right = (
        _one(w, image, flow, first, rows, columns)
        for image, first in zip(pair, (0, 2), strict=True)
    )
    return left, right


def around_middles(w: Writer, x: Tensor, s: int) -> Tensor:
    """The four pixels around the middle of each s x s cell: (1, 2H/s, 2W/s, C)."""
    (height, width), deep = x.sides, x.channels
    inner = s // 2 - 1, s // 2 + 1
    x = reshaped(w, x, (1, height, width // s, s * deep))
    x = sliced(w, x, _CHANNELS, *(deep * place for place in inner))
    x = reshaped(w, x, (1, height // s, s, 2 * width // s * deep))
    x = sliced(w, x, _COLUMNS, *inner)
    return reshaped(w, x, (1, 2 * height // s, 2 * width // s, deep))


def middles(side: int, s: int) -> Array:
    """The pixels of `around_middles` along a side."""
    return np.arange(side).reshape(-1, s)[:, s // 2 - 1 : s // 2 + 1].reshape(-1)


def _one(w: Writer, image: Tensor, flow: Tensor, first: int, rows: Array, columns: Array) -> Tensor:
    """first: channel of the image's flow."""
    (height, width), deep = image.sides, image.channels
    u, v = (sliced(w, flow, _CHANNELS, first + i, first + i + 1) for i in (0, 1))
    x, across = _line(w, u, columns.reshape(1, 1, -1, 1), width)
    y, down = _line(w, v, rows.reshape(1, -1, 1, 1), height)
    line = w.op("MUL", y, w.integers([width]), shape=y.shape, dtype=np.int32)
    start = w.op("ADD", line, x, shape=x.shape, dtype=np.int32)
    pixels = reshaped(w, image, (height * width, deep))
    right, below = min(1, width - 1), width * min(1, height - 1)
    corners = [_read(w, pixels, start, step) for step in (0, right, below, below + right)]
    upper = _between(w, corners[0], corners[1], across)
    lower = _between(w, corners[2], corners[3], across)
    return _between(w, upper, lower, down)


def _line(w: Writer, moved: Tensor, line: Array, side: int) -> tuple[Tensor, Tensor]:
    """Along an axis: the pixel before each place, int32, and the share of the next one.

    At the last pixel, that is the one before it and a share of 1: then there is a next one.
    """
    shape = moved.shape

    def op(kind: str, x: Tensor, y: Tensor | Array | float) -> Tensor:
        return w.op(kind, x, y if isinstance(y, Tensor) else w.constant(y), shape=shape)

    inside = op("MINIMUM", op("MAXIMUM", op("ADD", moved, line), 0), side - 1)
    before = op("MINIMUM", w.op("FLOOR", inside, shape=shape), max(side - 2, 0))
    number = w.op("CAST", before, shape=shape, dtype=np.int32, inDataType=_FLOAT, outDataType=_INT)
    return number, op("SUB", inside, before)


def _read(w: Writer, pixels: Tensor, start: Tensor, step: int) -> Tensor:
    """pixels (H * W, C), those that are `step` after `start`: (1, rows, columns, C)."""
    shape = start.shape
    if step:
        start = w.op("ADD", start, w.integers([step]), shape=shape, dtype=np.int32)
    places = reshaped(w, start, [prod(shape)], np.int32)
    found = w.op("GATHER", pixels, places, shape=(*places.shape, pixels.channels), axis=0)
    return reshaped(w, found, (*shape[:_CHANNELS], pixels.channels))


def _between(w: Writer, a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    step = w.op("MUL", w.op("SUB", b, a, shape=a.shape), share, shape=a.shape)
    return w.op("ADD", a, step, shape=a.shape)
