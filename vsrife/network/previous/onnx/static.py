"""What two pictures show unmoved, as nodes. See `vsrife.network.previous.torch.static`."""

from __future__ import annotations

from vsrife.network.operations.onnx.onnx_writer import END, Writer
from vsrife.network.previous.onnx.operations import split
from vsrife.network.table import (
    NCC_FLAT,
    NCC_WINDOW,
    STATIC_EDGE_CHANGE,
    STATIC_EDGE_COUNT,
    STATIC_EDGE_STEP,
    STATIC_EDGE_WINDOW,
)


def write_change(w: Writer, images: str) -> str:
    """images (2, 3, H, W) -> (1, 1, H, W)."""
    left, right = split(w, images, [1, 1], axis=0)
    return w.op("ReduceMean", w.op("Abs", w.op("Sub", left, right)), axes=[1], keepdims=1)


def write_unmoved(w: Writer, images: str, change: str) -> str:
    """Change and ncc: images (2, 3, H, W), change (1, 1, H, W) -> (1, 2, H / 2, W / 2)."""
    with w.scope("unmoved"):
        grey = _halved(w, w.op("ReduceMean", images, axes=[1], keepdims=1))
        a, b = split(w, grey, [1, 1], axis=0)
        products = [w.op("Mul", *pair) for pair in ((a, a), (b, b), (a, b))]
        joined = w.op("Concat", a, b, *products, axis=1)
        window, reach = [NCC_WINDOW] * 2, [NCC_WINDOW // 2] * 4
        # what lies outside does not count, by default
        mean = w.op("AveragePool", joined, kernel_shape=window, pads=reach)
        a, b, *squares = split(w, mean, [1] * 5)
        pairs = ((a, a), (b, b), (a, b))
        first, second, both = (
            w.op("Sub", square, w.op("Mul", *pair))
            for square, pair in zip(squares, pairs, strict=True)
        )
        spread = w.op("Sqrt", w.op("Relu", w.op("Mul", first, second)))
        alike = w.op("Div", both, w.op("Add", spread, w.constant(NCC_FLAT)))
        return w.op("Concat", _halved(w, change), alike, axis=1)


def write_static_edges(w: Writer, images: str, change: str) -> str:
    """images (2, 3, H, W), change (1, 1, H, W) -> (1, 1, H, W)."""
    with w.scope("anchored"):
        grey = w.op("ReduceMean", images, axes=[1], keepdims=1)
        same = _above(w, w.constant(STATIC_EDGE_CHANGE), change)
        edges = []
        for axis, size in ((3, [1, 2]), (2, [2, 1])):
            first = w.op("Slice", grey, w.integers([0]), w.integers([-1]), w.integers([axis]))
            second = w.op("Slice", grey, w.integers([1]), w.integers([END]), w.integers([axis]))
            a, b = split(w, w.op("Sub", second, first), [1, 1], axis=0)
            least = w.op("Max", w.op("Min", a, b), w.op("Neg", w.op("Max", a, b)))
            kept = _above(w, least, w.constant(STATIC_EDGE_STEP))
            pads = [size[0] // 2, size[1] // 2] * 2
            kept = w.op("MaxPool", kept, kernel_shape=size, strides=[1, 1], pads=pads)
            edges.append(w.op("Mul", same, kept))
        cells = _halved(w, w.op("Concat", *edges, axis=1))
        around = _mean(w, cells, STATIC_EDGE_WINDOW)
        least = w.op("ReduceMin", around, axes=[1], keepdims=1)
        count = 4 * STATIC_EDGE_WINDOW**2
        crossed = _above(w, least, w.constant((STATIC_EDGE_COUNT - 0.5) / count))
        scales = w.constant([1, 1, 2, 2])
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        crossed = w.op("Resize", crossed, "", scales, mode="nearest", **how)
        core = w.op("Mul", w.op("Max", *edges), crossed)
        enough = _above(w, _mean(w, core, 3), w.constant((STATIC_EDGE_COUNT - 0.5) / 9))
        core = w.op("Mul", core, enough)
        near = w.op("MaxPool", core, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4)
        return w.op("Mul", same, near)


def _above(w: Writer, x: str, limit: str) -> str:
    """1 where x is more than the limit, else 0."""
    return w.op("Relu", w.op("Sign", w.op("Sub", x, limit)))


def _mean(w: Writer, x: str, side: int) -> str:
    """Over side x side, 0 outside."""
    window, reach = [side] * 2, [side // 2] * 4
    return w.op("AveragePool", x, kernel_shape=window, pads=reach, count_include_pad=1)


def _halved(w: Writer, x: str) -> str:
    return w.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
