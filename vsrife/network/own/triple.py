"""DistilDRBA's network of three frames, distilled from a method for drawn animation.

It makes frames around the middle one of three: between it and the previous one, or between it and
the next one, with both of them in view. Checked with random weights against the code of the package
vsdrba-distilled (MIT); what it makes of true ones is not known here. Written once, over the
operations of `vsrife.network.operations.interface`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vsrife.errors import ArgumentError
from vsrife.network import encoder
from vsrife.network.block import Layers
from vsrife.network.ifnet import Refined
from vsrife.network.operations.interface import Operations, Span, Weights
from vsrife.network.table import Arch, Row

PREVIOUS, MIDDLE, NEXT = range(3)
# Names of a graph's inputs; pictures are of the two frames around the new one
FRAMES = ("previous", "middle", "next")
PICTURES = ("middle_picture", "outer_picture")


def reads_three(arch: Row) -> bool:
    """Whether this module describes the network of a row."""
    return isinstance(arch, Arch) and arch.frames == len(FRAMES)


def check_reads_two(arch: Row) -> None:
    """ArgumentError for a row of three frames, for what writes one graph of two."""
    if reads_three(arch):
        raise ArgumentError(
            "the network reads three frames, which only targets onnx and openvino write, in layout "
            "own; use one of these"
        )


class Features[T](NamedTuple):
    """What is kept of one frame: image (N, 3, H, W), 0..1, and encoding (N, 16, H / s, W / s).

    s: the scale of the finest block.
    """

    image: T
    encoding: T


def prepare[T, P, W](
    ops: Operations[T, P, W], weights: Weights[W], arch: Arch, scale: float, image: T
) -> Features[T]:
    """Everything that depends on one frame alone; image (N, 3, H, W), any range.

    scale: as of `rife`; sides are multiples of `arch.pad_unit(scale)`.
    """
    clamped = ops.clamp(image, 0.0, 1.0)
    small = ops.resize(clamped, scale / arch.scales[-1])
    _, encoding = ops.split(
        encoder.prepare(ops, weights, arch, small), [3, arch.block_inputs(0) // arch.frames - 3]
    )
    return Features(clamped, encoding)


def refine[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    arch: Arch,
    scale: float,
    frames: Sequence[Features[T]],
    outer: Features[T],
    timestep: T,
    pictures: P | None = None,
) -> Refined[T, P]:
    """Flow and mask, and the middle and the outer frame warped.

    frames: PREVIOUS, MIDDLE and NEXT, at times 0, 1 and 2; timestep (N, 1, 1, 1): 0.5 to 1 where
    the outer one is the previous, 1 to 1.5 where it is the next. pictures: of middle and outer,
    any channels and range, warped instead of the images. Flow 0-1 points into the middle frame,
    2-3 into the outer one; the mask is the logit of the middle frame's share.
    """
    flow: T | None = None
    passed_on: list[T] = []  # mask, features, flow of the block before
    for i, divisor in enumerate(arch.scales):
        s = divisor / scale
        views = [_view(ops, arch, frame, s, scale) for frame in frames]
        images, encodings = zip(*views, strict=True)
        seen = [*images, *encodings]
        if flow is not None:
            both = zip(views[MIDDLE], _view(ops, arch, outer, s, scale), strict=True)
            warped = (ops.warp(ops.stack(*pair), flow, s) for pair in both)
            seen += [x for pair in warped for x in ops.unstack(pair)]
        x = ops.join([*seen, ops.plane(timestep, s), *passed_on])
        out = _block(ops, weights, arch, i, x)
        # to the size of the next block; after the last one, to the frame's
        grow = divisor / arch.scales[i + 1] if i + 1 < len(arch.scales) else s
        flow, rest = ops.split(ops.resize(out, grow), [4, arch.tail - 4])
        flow = ops.multiply(flow, grow)
        mask, features = ops.split(rest, [1, arch.feat])
        passed_on = [mask, features, flow]
    assert flow is not None  # there are blocks
    if pictures is None:
        pictures = ops.stack(frames[MIDDLE].image, outer.image)
    return Refined(ops.warp(pictures, flow), flow, passed_on[0])


def _view[T, P, W](
    ops: Operations[T, P, W], arch: Arch, frame: Features[T], s: float, scale: float
) -> tuple[T, T]:
    """Image and encoding at 1 / s of the frame's size."""
    finest = arch.scales[-1] / scale
    return ops.resize(frame.image, 1 / s), ops.resize(frame.encoding, finest / s)


def _block[T, P, W](
    ops: Operations[T, P, W], weights: Weights[W], arch: Arch, index: int, x: T
) -> T:
    """All outputs of a block, at the size of x: flow in pixels of that size, mask, features."""
    with ops.scope(f"block{index}"):
        layers = Layers(ops, weights, arch, f"block{index}.")
        x = layers.stem(ops.to_compute(x), [Span(0, arch.block_inputs(index))])
        x = layers.body(x, index)
        return ops.to_full(layers.tail(x, [Span(0, 4 * arch.tail)]))
