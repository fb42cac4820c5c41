"""What two pictures show unmoved, as nodes. See `vsrife.net.standstill`."""

from __future__ import annotations

from vsrife.graph.operations import split
from vsrife.graph.writer import Writer
from vsrife.net.table import STILL_FLAT, STILL_WINDOW


def write_change(w: Writer, images: str) -> str:
    """images (2, 3, H, W) -> (1, 1, H, W)."""
    left, right = split(w, images, [1, 1], axis=0)
    return w.op("ReduceMean", w.op("Abs", w.op("Sub", left, right)), axes=[1], keepdims=1)


def write_unmoved(w: Writer, images: str, change: str) -> str:
    """Change and likeness: images (2, 3, H, W), change (1, 1, H, W) -> (1, 2, H / 2, W / 2)."""
    with w.scope("unmoved"):
        grey = _halved(w, w.op("ReduceMean", images, axes=[1], keepdims=1))
        a, b = split(w, grey, [1, 1], axis=0)
        products = [w.op("Mul", *pair) for pair in ((a, a), (b, b), (a, b))]
        joined = w.op("Concat", a, b, *products, axis=1)
        window, reach = [STILL_WINDOW] * 2, [STILL_WINDOW // 2] * 4
        # what lies outside does not count, by default
        mean = w.op("AveragePool", joined, kernel_shape=window, pads=reach)
        a, b, *squares = split(w, mean, [1] * 5)
        pairs = ((a, a), (b, b), (a, b))
        first, second, both = (
            w.op("Sub", square, w.op("Mul", *pair))
            for square, pair in zip(squares, pairs, strict=True)
        )
        spread = w.op("Sqrt", w.op("Relu", w.op("Mul", first, second)))
        alike = w.op("Div", both, w.op("Add", spread, w.constant(STILL_FLAT)))
        return w.op("Concat", _halved(w, change), alike, axis=1)


def _halved(w: Writer, x: str) -> str:
    return w.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
