"""Results of a run other than the image: confidence, and distance of the motion."""

from __future__ import annotations

from vsrife.network.operations.interface import Operations
from vsrife.network.options import RunOptions
from vsrife.network.table import CADENCE_CELL

_STEP = 8  # rows and columns; every eighth one suffices for a mean


def confidence[T, P, W](
    ops: Operations[T, P, W], options: RunOptions, difference: T, flow: T, timestep: T
) -> T:
    """Confidence of a new frame, (N,) in 0..1: how well the left and the right frame agree.

    difference (N, 3, H, W): warped left image minus warped right image; flow (N, 4, H, W), pixels;
    timestep (N, 1, 1, 1) or a map (N, 1, H, W). The mean over every 8th row and column of
    exp(-difference / 0.1) * exp(-bend / (2 + distance / 2)), with the mean absolute difference of
    the channels, the distance from left to right in pixels, and
    bend = 2 * |(1 - t) * flow into left + t * flow into right|, 0 for straight, even motion.
    """
    apart = ops.mean_channels(ops.absolute(ops.every(difference, _STEP)))
    to_left, to_right = ops.split(ops.every(flow, _STEP), [2, 2])
    t = ops.every(timestep, _STEP) if options.timestep_map else timestep
    way = ops.subtract(to_right, to_left)
    half_bend = ops.norm_channels(ops.add(to_left, ops.multiply(t, way)))
    half_room = ops.add(ops.multiply(ops.norm_channels(way), 0.25), 1.0)
    doubt = ops.add(ops.divide(half_bend, half_room), ops.multiply(apart, 10.0))
    return ops.mean(ops.exp(ops.multiply(doubt, -1.0)))


def motion[T, P, W](ops: Operations[T, P, W], flow: T) -> T:
    """Length of the motion from the left to the right frame, (N, 1, H / 8, W / 8), pixels.

    flow (N, 4, H, W), pixels, at timestep 0.5. Each 8x8 cell has the maximum of itself and the
    cells around it, since the cells belong to the frame half way: the outline of a fast object may
    lie in a neighbouring cell. Then the mean of 3x3 cells.
    """
    to_left, to_right = ops.split(flow, [2, 2])
    distance = ops.norm_channels(ops.subtract(to_right, to_left))
    coarse = ops.max_pool(distance, CADENCE_CELL, CADENCE_CELL)
    return ops.mean_pool(ops.max_pool(coarse, 3, 1), 3)
