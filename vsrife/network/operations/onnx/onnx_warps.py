"""Pixel coordinates, and the warps that use them, as ONNX nodes."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from vsrife.network.operations.onnx.onnx_writer import END, Array, Writer

_X, _Y = 0, 1
_ROWS, _COLUMNS = 2, 3  # axes


class Grid:
    """Warps both pictures of a pair at once.

    Coordinates are GridSample's: -1 and 1 are the centres of the outermost pixels.
    """

    def __init__(self, w: Writer, size: tuple[int, int] | None, like: str) -> None:
        """size: width and height; None: those of the tensor `like` at run time."""
        self._w, self._size, self._like = w, size, like
        with w.scope("grid"):
            if size is None:
                factors = [self._factor(axis) for axis in (_X, _Y)]
                self._factors = w.op("Concat", *factors, axis=1)
                self._lines = [self._line(axis, factors[axis]) for axis in (_X, _Y)]
            else:
                factor = np.array([2 / (side - 1) for side in size])
                self._factors = w.constant(factor.reshape(1, 2, 1, 1))
        self._coordinates: dict[int, str] = {}  # by s

    def warp(self, pair: str, flow: str, s: int = 1) -> str:
        """out[y, x] = image[y + v, x + u], bilinear, edge repeated.

        pair (2, C, H, W); flow (1, 4, H, W), pixels, x before y, into the left picture first.
        s > 1: only the pixels of `around_middles`; `flow` is of these.
        """
        w = self._w
        if s not in self._coordinates:
            with w.scope("grid"):
                self._coordinates[s] = self._make_coordinates(s)
        moved = w.op("Mul", w.op("Reshape", flow, w.integers([2, 2, 0, 0])), self._factors)
        where = w.op("Transpose", w.op("Add", moved, self._coordinates[s]), perm=[0, 2, 3, 1])
        return w.op(
            "GridSample", pair, where, mode="bilinear", padding_mode="border", align_corners=1
        )

    def _make_coordinates(self, s: int) -> str:
        """Coordinates (1, 2, H, W) of all pixels; for s > 1, of those of `around_middles`."""
        w = self._w
        if self._size is not None:
            x, y = (w.constant(_known_line(side, s, a)) for a, side in enumerate(self._size))
        else:
            x, y = self._lines
            if s > 1:
                x, y = _middle_columns(w, x, s), _middle_rows(w, y, s, 2)
        return w.op("Add", x, y)

    def _factor(self, axis: int) -> str:
        """2 / (side - 1), (1, 1, 1, 1)."""
        w = self._w
        length = w.op("Shape", self._like, start=3 - axis, end=4 - axis)
        steps = w.op("Cast", w.op("Sub", length, w.integers([1])), to=TensorProto.FLOAT)
        factor = w.op("Div", w.constant(2.0), steps)
        return w.op("Reshape", factor, w.integers([1, 1, 1, 1]))

    def _line(self, axis: int, factor: str) -> str:
        """`_known_line` with s = 1, for a size known at run time."""
        w = self._w
        length = w.op("Shape", self._like, start=3 - axis, end=4 - axis)
        limit = w.op("Squeeze", length, w.integers([0]))
        pixels = w.op("Range", w.constant(0, np.int64), limit, w.constant(1, np.int64))
        pixels = w.op("Reshape", pixels, w.integers(_along(axis)))
        pixels = w.op("Cast", pixels, to=TensorProto.FLOAT)
        coordinates = w.op("Sub", w.op("Mul", pixels, factor), w.constant(1.0))
        return w.op("Mul", coordinates, w.constant(_channel(axis)))


class GivenGrid(Grid):
    """A grid whose coordinates are inputs of the graph."""

    def __init__(self, w: Writer, coordinates: str, factors: str) -> None:
        """coordinates (1, 2, H, W); factors (1, 2, 1, 1): 2 / (side - 1), x before y."""
        self._w, self._factors = w, factors
        self._coordinates = {1: coordinates}

    def _make_coordinates(self, s: int) -> str:
        return around_middles(self._w, self._coordinates[1], s, 2)


def around_middles(w: Writer, x: str, s: int, count: int) -> str:
    """The four pixels around the middle of each s x s cell: (1, C, H, W) -> (1, C, 2H/s, 2W/s).

    count: C.
    """
    return _middle_rows(w, _middle_columns(w, x, s), s, count)


def bends(w: Writer, image: str, channels: int) -> str:
    """See `interface.Operations.bends`."""
    seen = image
    if channels == 3:  # of one frame, ReduceMean takes ONNX Runtime's CPU three times as long
        planes = w.ops("Split", image, w.integers([1] * 3), outputs=3, axis=1)
        seen = w.op("Mul", w.op("Sum", *planes, name="planes"), w.constant(1 / 3))
    # Slices, not convolutions: twice as fast on CPUs, and exact where those are in fp16 or TF32
    return w.op("Concat", *(_half_bend(w, seen, axis) for axis in (_COLUMNS, _ROWS)), axis=1)


def warp_sharp(w: Writer, grid: Grid, pair: str, bends: str, flow: str, channels: int) -> str:
    """See `interface.Operations.warp_sharp`."""
    both = w.op("Reshape", flow, w.integers([2, 2, 0, 0]))
    fraction = w.op("Sub", both, w.op("Floor", both))
    share = w.op("Mul", fraction, w.op("Sub", fraction, w.constant(1.0)))
    if channels == 3:
        blur = w.op("ReduceSum", w.op("Mul", share, bends), w.integers([1]), keepdims=1)
    else:
        shares = w.ops("Split", share, w.integers([1, 1]), outputs=2, axis=1)
        along = w.ops("Split", bends, w.integers([channels] * 2), outputs=2, axis=1)
        products = (w.op("Mul", *two) for two in zip(shares, along, strict=True))
        blur = w.op("Add", *products)
    return grid.warp(w.op("Add", pair, blur), flow)


def _middle_columns(w: Writer, x: str, s: int) -> str:
    cells = w.op("Reshape", x, w.integers([0, 0, 0, -1, s]))
    return w.op("Reshape", _middle(w, cells, s, 4), w.integers([0, 0, 0, -1]))


def _middle_rows(w: Writer, x: str, s: int, count: int) -> str:
    """count: channels of x."""
    cells = w.op("Reshape", x, w.integers([1, -1, s, 0]))
    return w.op("Reshape", _middle(w, cells, s, 2), w.integers([1, count, -1, 0]))


def _middle(w: Writer, x: str, s: int, axis: int) -> str:
    bounds = w.integers([s // 2 - 1]), w.integers([s // 2 + 1])
    return w.op("Slice", x, *bounds, w.integers([axis]))


def _known_line(side: int, s: int, axis: int) -> Array:
    """Coordinates along x (1, 2, 1, W) or y (1, 2, H, 1); the other channel is 0."""
    pixels = np.arange(side)
    if s > 1:
        pixels = pixels.reshape(-1, s)[:, s // 2 - 1 : s // 2 + 1]
    coordinates = pixels.reshape(_along(axis)) * (2 / (side - 1)) - 1
    return np.asarray(coordinates * _channel(axis))


def _along(axis: int) -> list[int]:
    return [1, 1, 1, -1] if axis == _X else [1, 1, -1, 1]


def _channel(axis: int) -> Array:
    return np.reshape([1.0, 0.0] if axis == _X else [0.0, 1.0], (1, 2, 1, 1))


def _half_bend(w: Writer, x: str, axis: int) -> str:
    """Half the second difference along an axis; 0 at both ends."""
    bounds = ((0, -2), (1, -1), (2, END))
    before, here, after = (
        w.op("Slice", x, *(w.integers([each]) for each in (*bound, axis))) for bound in bounds
    )
    around = w.op("Mul", w.op("Add", before, after), w.constant(0.5))
    ends = [int(i % 4 == axis) for i in range(8)]
    return w.op("Pad", w.op("Sub", around, here), w.integers(ends))
