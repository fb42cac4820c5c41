"""A whole network of any described row, from two frames: for targets that write one graph."""

from __future__ import annotations

from vsrife.network import encoder, ifnet
from vsrife.network.ifnet import Refined, Watcher
from vsrife.network.operations.interface import Operations, Weights
from vsrife.network.options import RunOptions
from vsrife.network.own import mobile, pyramid
from vsrife.network.own.mobile_row import MobileRow
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.own.triple import check_reads_two
from vsrife.network.table import Row


def refine[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    arch: Row,
    options: RunOptions,
    left: T,
    right: T,
    timestep: T,
    pictures: P | None = None,
    watcher: Watcher[T] | None = None,
) -> Refined[T, P]:
    """Flow, mask and warped pictures of two frames (N, 3, H, W) of any range.

    timestep (N, 1, 1, 1), or a map (N, 1, H, W), in 0..1; pictures: any channels and range, warped
    and blended instead of the frames; watcher: of rows of IFNet, see there. ArgumentError for a
    network that reads three frames.
    """
    check_reads_two(arch)
    if isinstance(arch, PyramidRow):
        a, b = (pyramid.prepare(ops, weights, arch, options.scale, x) for x in (left, right))
        state = pyramid.match(ops, weights, arch, options.scale, a, b)
        views = a.view4, b.view4
        bends = None
        if pictures is None:
            pictures, bends = ops.stack(a.image, b.image), ops.stack(a.bends, b.bends)
        return pyramid.refine(ops, weights, arch, options, views, state, timestep, pictures, bends)
    if isinstance(arch, MobileRow):
        c, d = (mobile.prepare(ops, weights, arch, options.scale, x) for x in (left, right))
        found = mobile.estimate(ops, weights, arch, options, c, d, timestep)
        images = ops.stack(c.image, d.image)
        return mobile.refine(ops, options, found, images, pictures)
    left, right = (encoder.prepare(ops, weights, arch, x) for x in (left, right))
    pair = ops.stack(left, right)
    return ifnet.refine(ops, weights, arch, options, pair, timestep, pictures, watcher)
