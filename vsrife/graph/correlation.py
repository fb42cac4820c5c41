"""Local cost volume as nodes; `vsrife.net.correlation` says what it is."""

from __future__ import annotations

from vsrife.graph.operations import join
from vsrife.graph.writer import END, Writer


def correlate(w: Writer, cells: str, radius: int) -> str:
    """cells (2, C, h, w), left and right, fp32 -> (1, (2 * radius + 1)**2, h, w)."""
    common = w.op("ReduceMean", cells, axes=[0, 2, 3], keepdims=1)
    apart = w.op("Sub", cells, common)
    squares = w.op("ReduceSum", w.op("Mul", apart, apart), w.integers([1]), keepdims=1)
    length = w.op("Sqrt", w.op("Add", squares, w.constant(1e-6)))
    units = w.op("Div", apart, length)
    left, right = w.ops("Split", units, w.integers([1, 1]), outputs=2, axis=0)
    sides = [0, 0, radius, radius]
    padded = w.op("Pad", right, w.integers(sides * 2))
    span = range(2 * radius + 1)
    products = [_product(w, left, padded, dy, dx, radius) for dy in span for dx in span]
    return join(w, products)


def _product(w: Writer, left: str, padded: str, dy: int, dx: int, radius: int) -> str:
    ends = [d - 2 * radius or END for d in (dy, dx)]
    moved = w.op("Slice", padded, w.integers([dy, dx]), w.integers(ends), w.integers([2, 3]))
    return w.op("ReduceSum", w.op("Mul", left, moved), w.integers([1]), keepdims=1)
