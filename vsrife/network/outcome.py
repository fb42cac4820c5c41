"""What a run tells beside its picture: how far to trust it, how far things move."""

from __future__ import annotations

from vsrife.network.operations.interface import Operations
from vsrife.network.options import RunOptions
from vsrife.network.table import CADENCE_CELL

_STEP = 8  # every eighth row and column is enough for a mean


def confidence[T, P, W](
    ops: Operations[T, P, W], options: RunOptions, difference: T, flow: T, timestep: T
) -> T:
    """How far a new frame can be trusted, (N,) in 0..1: how well both sides agree on it.

    difference (N, 3, H, W): warped left image less the right one; flow (N, 4, H, W); timestep
    (N, 1, 1, 1) or a map. Mean over some pixels of
    exp(-difference / 0.1) * exp(-bend / (2 + distance / 2)): the mean difference of the channels
    there, and by how many pixels the flows miss being parts of one straight way of that distance.
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
    """Distance from the left to the right frame in cells, (N, 1, H / 8, W / 8), in pixels.

    flow (N, 4, H, W) at timestep 0.5. The largest of a cell and the cells around it: what moves
    fast carries its outline along, and cells are those of the frame half way between.
    """
    to_left, to_right = ops.split(flow, [2, 2])
    distance = ops.norm_channels(ops.subtract(to_right, to_left))
    coarse = ops.max_pool(distance, CADENCE_CELL, CADENCE_CELL)
    return ops.mean_pool(ops.max_pool(coarse, 3, 1), 3)
