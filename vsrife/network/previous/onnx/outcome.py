"""What becomes of both warped pictures, as nodes."""

from __future__ import annotations

from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.previous.onnx.operations import split
from vsrife.network.previous.onnx.refinement import Result


def blend(w: Writer, result: Result, timestep: str) -> tuple[str, str]:
    """The new picture, and the left one less the right one, both (1, C, H, W)."""
    left, right = split(w, result.warped, [1, 1], axis=0)
    difference = w.op("Sub", left, right)
    # not left * m + right * (1 - m): this form is exact where both sides agree
    share = w.op("Mul", w.op("Sigmoid", result.mask), difference)
    moved = w.op("Add", right, share)
    if result.bicubic:  # within the range of each plane of both pictures
        low = w.op("ReduceMin", result.pictures, axes=[0, 2, 3], keepdims=1)
        high = w.op("ReduceMax", result.pictures, axes=[0, 2, 3], keepdims=1)
        moved = w.op("Min", w.op("Max", moved, low), high)
    if not result.still:
        return moved, difference
    before, after = split(w, result.pictures, [1, 1], axis=0)
    change = w.op("Mul", timestep, w.op("Sub", after, before))
    missing = w.op("Sub", w.op("Add", before, change), moved)
    return w.op("Add", moved, w.op("Mul", w.op("Sigmoid", result.still), missing)), difference


def moving(w: Writer, result: Result) -> str:
    """The flow, less where what is static overrules it."""
    if not result.still:
        return result.flow
    moves = w.op("Sub", w.constant(1.0), w.op("Sigmoid", result.still))
    return w.op("Mul", result.flow, moves)
