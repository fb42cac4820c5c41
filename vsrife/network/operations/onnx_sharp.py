"""The warp without its blur, as ONNX nodes."""

from __future__ import annotations

from vsrife.network.operations.onnx_grid import Grid
from vsrife.network.operations.onnx_writer import END, Writer

_ROWS, _COLUMNS = 2, 3  # axes


def warp_sharp(w: Writer, grid: Grid, pair: str, flow: str, channels: int) -> str:
    """See `interface.Operations.warp_sharp`: one GridSample of pictures and second differences."""
    images = pair
    if channels > 3:
        images = w.op("Slice", pair, w.integers([0]), w.integers([3]), w.integers([1]))
    mean = w.op("ReduceMean", images, axes=[1], keepdims=1)
    # Slices, not convolutions: twice as fast on CPUs, and exact where those are in fp16 or TF32
    bends = [_half_bend(w, mean, axis) for axis in (_COLUMNS, _ROWS)]
    warped = grid.warp(w.op("Concat", pair, *bends, axis=1), flow)
    both = w.op("Reshape", flow, w.integers([2, 2, 0, 0]))
    fraction = w.op("Sub", both, w.op("Floor", both))
    share = w.op("Mul", fraction, w.op("Sub", fraction, w.constant(1.0)))
    parts = [3, channels - 3, 2] if channels > 3 else [3, 2]
    first, *others, bent = w.ops("Split", warped, w.integers(parts), outputs=len(parts), axis=1)
    found = w.op("Mul", share, bent)
    sharp = w.op("Add", first, w.op("ReduceSum", found, w.integers([1]), keepdims=1))
    return w.op("Concat", sharp, *others, axis=1) if others else sharp


def _half_bend(w: Writer, x: str, axis: int) -> str:
    """Half the second difference along an axis; 0 at both ends."""
    bounds = ((0, -2), (1, -1), (2, END))
    before, here, after = (
        w.op("Slice", x, *(w.integers([each]) for each in (*bound, axis))) for bound in bounds
    )
    around = w.op("Mul", w.op("Add", before, after), w.constant(0.5))
    ends = [int(i % 4 == axis) for i in range(8)]
    return w.op("Pad", w.op("Sub", around, here), w.integers(ends))
