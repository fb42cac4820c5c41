"""Local cost volume as nodes; `vsrife.network.previous.torch.correlation` says what it is."""

from __future__ import annotations

import numpy as np

from vsrife.network.operations.onnx import onnx_correlation
from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.previous.onnx.operations import join, split
from vsrife.network.table import SOFT_ARGMAX_SHARPNESS


def correlate(w: Writer, cells: str, radius: int, size: tuple[int, int] | None) -> str:
    """cells (2, C, h, w), left and right, fp32 -> (1, (2 * radius + 1)**2, h, w).

    size: w and h, to do it by tiles if they pay; None: displacement by displacement, at any size.
    """
    with w.scope("correlation"):
        common = w.op("ReduceMean", cells, axes=[0, 2, 3], keepdims=1)
        apart = w.op("Sub", cells, common)
        squares = w.op("ReduceSum", w.op("Mul", apart, apart), w.integers([1]), keepdims=1)
        length = w.op("Sqrt", w.op("Add", squares, w.constant(1e-6)))
        units = w.op("Mul", apart, w.op("Reciprocal", length))
        left, right = split(w, units, [1, 1], axis=0)
        return onnx_correlation.correlate(w, left, right, radius, size)


def soft_argmax(w: Writer, volume: str, radius: int) -> str:
    """Where a volume of `correlate` is highest: (1, 3, h, w), x and y in radii, and the height."""
    with w.scope("peak"):
        shares = w.op("Softmax", w.op("Mul", volume, w.constant(SOFT_ARGMAX_SHARPNESS)), axis=1)
        steps = np.arange(-radius, radius + 1, dtype=np.float32) / radius
        places = np.stack((np.tile(steps, len(steps)), np.repeat(steps, len(steps))))
        place = w.op("Conv", shares, w.constant(places[:, :, None, None]))
        return join(w, [place, w.op("ReduceMax", volume, axes=[1], keepdims=1)])
