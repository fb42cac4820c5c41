"""What becomes of both warped pictures, and what is told about them, as nodes."""

from __future__ import annotations

from vsrife.network.operations.onnx_writer import Writer
from vsrife.network.previous.onnx.operations import channels, every_eighth, reshape, resize, split
from vsrife.network.previous.onnx.refinement import Result
from vsrife.network.table import PACE_CELL


def blend(w: Writer, result: Result, timestep: str) -> tuple[str, str]:
    """The new picture, and the left one less the right one, both (1, C, H, W)."""
    left, right = split(w, result.warped, [1, 1], axis=0)
    difference = w.op("Sub", left, right)
    # not left * m + right * (1 - m): this form is exact where both sides agree
    share = w.op("Mul", w.op("Sigmoid", result.mask), difference)
    moved = w.op("Add", right, share)
    if result.sharp:  # within the range of each plane of both pictures
        low = w.op("ReduceMin", result.pictures, axes=[0, 2, 3], keepdims=1)
        high = w.op("ReduceMax", result.pictures, axes=[0, 2, 3], keepdims=1)
        moved = w.op("Min", w.op("Max", moved, low), high)
    if not result.still:
        return moved, difference
    before, after = split(w, result.pictures, [1, 1], axis=0)
    change = w.op("Mul", timestep, w.op("Sub", after, before))
    missing = w.op("Sub", w.op("Add", before, change), moved)
    return w.op("Add", moved, w.op("Mul", w.op("Sigmoid", result.still), missing)), difference


def confidence(
    w: Writer, result: Result, difference: str, planes: int, timestep: str, *, paced: bool
) -> str:
    """See `vsrife.network.previous.torch.ifnet.confidence`; (1,)."""
    with w.scope("confidence"):
        three = channels(w, difference, 3) if planes > 3 else difference
        apart = w.op("ReduceMean", w.op("Abs", every_eighth(w, three)), axes=[1], keepdims=1)
        to_left, to_right = split(w, every_eighth(w, result.flow), [2, 2])
        t = every_eighth(w, timestep) if paced else timestep
        way = w.op("Sub", to_right, to_left)
        bend = w.op("ReduceL2", w.op("Add", to_left, w.op("Mul", t, way)), axes=[1], keepdims=1)
        distance = w.op("ReduceL2", way, axes=[1], keepdims=1)
        room = w.op("Add", w.op("Mul", distance, w.constant(0.25)), w.constant(1.0))
        doubt = w.op("Add", w.op("Div", bend, room), w.op("Mul", apart, w.constant(10.0)))
        return w.op("ReduceMean", w.op("Exp", w.op("Neg", doubt)), axes=[1, 2, 3], keepdims=0)


def motion(w: Writer, result: Result) -> str:
    """See `vsrife.network.cadence.motion`; (1, 1, H / 8, W / 8)."""
    with w.scope("motion"):
        flow = result.flow
        if result.still:
            moves = w.op("Sub", w.constant(1.0), w.op("Sigmoid", result.still))
            flow = w.op("Mul", flow, moves)
        to_left, to_right = split(w, flow, [2, 2])
        x = w.op("ReduceL2", w.op("Sub", to_right, to_left), axes=[1], keepdims=1)
        x = w.op("MaxPool", x, kernel_shape=[PACE_CELL, PACE_CELL], strides=[PACE_CELL, PACE_CELL])
        x = w.op("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        # what lies outside does not count, by default
        return w.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def largest(w: Writer, own: str, grow: float) -> str:
    """Of a block's own flow at full size, the largest number to the left and to the right, (1, 2).

    own (1, 4 or more, H / grow, W / grow).
    """
    flow = reshape(w, resize(w, channels(w, own, 4), grow), 2, 2)
    sizes = w.op("ReduceMax", w.op("Abs", flow), axes=[1, 2, 3], keepdims=0)
    return w.op("Reshape", sizes, w.integers([1, 2]))
