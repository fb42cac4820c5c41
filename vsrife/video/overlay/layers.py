"""Overlays over new frames: kept in pixels, taken off the source frames around, and put back.

`half_transparent` finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.detection import ground
from vsrife.detection.ground import Image
from vsrife.detection.overlay import Box, Mask, Overlay
from vsrife.video import frames, nodes
from vsrife.video.frames import uncached
from vsrife.video.plans import Neighbours, Plan

PEELED = "_vsrifePeeled"  # on a source frame without overlays: the pair for which they were found
BOXES = "_vsrifeBoxes"  # x, y, width, height of each
MOTION = "_vsrifeMotion"  # shift of the ground between the pair, x before y, pixels of the clip
_OPACITY, _COLOUR, _GROUNDS = "_vsrifeOpacity", "_vsrifeColour", "_vsrifeGrounds"
_SIDES = ("left", "right")
_BORDER = 2  # pixels around an overlay that are its soft edge
_MOVED, _LETTER = 12, 8  # steps of 8 bits that differ from moving ground; half of a wide letter


def write(frame: vs.VideoFrame, overlays: Sequence[Overlay]) -> None:
    """Into the properties of a pixel."""
    if not overlays:
        return
    frame.props[BOXES] = [side for each in overlays for side in each.box]
    frame.props[_OPACITY] = [frame_of(each.opacity[..., None]) for each in overlays]
    frame.props[_COLOUR] = [frame_of(each.colour) for each in overlays]
    for k, side in enumerate(_SIDES):
        frame.props[_GROUNDS + side] = [frame_of(each.grounds[k]) for each in overlays]


def frame_of(values: Image) -> vs.VideoFrame:
    """A frame of floating point with the values of (H, W, 1 or 3)."""
    height, width, count = values.shape
    kind = vs.core.get_video_format(vs.GRAYS if count == 1 else vs.RGBS)
    frame = vs.core.create_video_frame(kind, width, height)
    for k, plane in enumerate(frames.planes(frame)):
        plane[:] = values[..., k]
    return frame


def boxes(values: Sequence[int]) -> Iterator[Box]:
    """The boxes that a property lists."""
    sides = iter(values)
    return (Box(*each) for each in zip(sides, sides, sides, sides, strict=True))


def _listed(value: Any) -> Sequence[vs.VideoFrame]:
    """VapourSynth returns a single frame as such, not in a list."""
    return value if isinstance(value, Sequence) else [value]


def wider(mask: Mask, pixels: int) -> Mask:
    """`mask`, grown by `pixels` each way."""
    for _ in range(pixels):
        wide = np.pad(mask, 1)
        mask = wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2]
        mask = mask | wide[1:-1, 2:]
    return mask


def between(found: vs.VideoNode, plan: Plan) -> vs.VideoNode:
    """Pixels, as many as the output has frames, with the overlays over each new frame. None between
    frames that are no neighbours in the source."""
    blank = nodes.pixels(plan.times.num_frames)
    around = plan.neighbours(found, blank)

    def choose(n: int, f: vs.VideoFrame | None = None) -> vs.VideoNode:
        at = plan.position(n, f)
        return around.left if at.right - at.left == 1 else blank

    sources = [around.left, blank]
    return uncached(blank.std.FrameEval(choose, prop_src=plan.decisions, clip_src=sources))


def taken_off(
    around: Neighbours[vs.VideoNode], overlays: vs.VideoNode, plan: Plan
) -> Neighbours[vs.VideoNode]:
    """`around`, in the network's format, whose left and right frames show the ground alone."""

    def side(clip: vs.VideoNode, name: str) -> vs.VideoNode:
        def clean(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            if BOXES not in f[1].props:
                return f[0]
            frame = f[0].copy()
            grounds = _listed(f[1].props[_GROUNDS + name])
            for box, values in zip(boxes(f[1].props[BOXES]), grounds, strict=True):
                for plane, clear in zip(frames.planes(frame), frames.planes(values), strict=True):
                    plane[box.inside] = clear
            frame.props[PEELED] = plan.times.position(n).left
            return frame

        return uncached(clip.std.ModifyFrame([clip, overlays], clean))

    return around._replace(left=side(around.left, _SIDES[0]), right=side(around.right, _SIDES[1]))


def put_back(new: vs.VideoNode, overlays: vs.VideoNode) -> vs.VideoNode:
    """New frames, in the network's format, with their overlays."""

    def blend(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        if BOXES not in f[1].props:
            return f[0]
        frame = f[0].copy()
        props = f[1].props
        layers = zip(
            boxes(props[BOXES]), _listed(props[_OPACITY]), _listed(props[_COLOUR]), strict=True
        )
        for box, opacity, colour in layers:
            clear = 1 - np.asarray(opacity[0])
            for plane, added in zip(frames.planes(frame), frames.planes(colour), strict=True):
                plane[box.inside] = clear * plane[box.inside] + added
        return frame

    return uncached(new.std.ModifyFrame([new, overlays], blend))


def left_out(
    mask: vs.VideoNode, overlays: vs.VideoNode, left: vs.VideoNode, right: vs.VideoNode
) -> vs.VideoNode:
    """`mask`, GRAY8, black over what was put back, where nothing but the moving ground is, and
    everywhere if the ground is not known to move: then a wall may look like a letter.

    left, right: the luma of the source frames around each new one, GRAY8.
    """
    black = uncached(mask.std.BlankClip(color=0, keep=True))

    def clear(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        props = f[1].props
        frame = f[0].copy()
        values = np.asarray(frame[0])
        values[~_stays(values > 0, np.asarray(f[2][0]), np.asarray(f[3][0]), f[1])] = 0
        if BOXES in props:
            opacities = _listed(props[_OPACITY])
            for box, opacity in zip(boxes(props[BOXES]), opacities, strict=True):
                values[box.inside][wider(np.asarray(opacity[0]) > 0, _BORDER)] = 0
        return frame

    cleared = uncached(mask.std.ModifyFrame([mask, overlays, left, right], clear))

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return cleared if any(f.props.get(MOTION, ())) else black

    return uncached(mask.std.FrameEval(choose, prop_src=overlays, clip_src=[cleared, black]))


def _stays(mask: Mask, left: Any, right: Any, pixel: vs.VideoFrame) -> Mask:
    """Where `mask` holds something that does not move with the ground, and around that: a flat part
    of a letter looks as if it moved, its outline does not."""
    x, y = pixel.props[MOTION]
    before, after = left.astype(np.float32), right.astype(np.float32)
    off = np.maximum(_unlike_moved(before, after, x, y), _unlike_moved(after, before, -x, -y))
    return wider(mask & (off > _MOVED), _LETTER)


def _unlike_moved(picture: Image, other: Image, x: float, y: float) -> Image:
    """Difference of `other` from `picture` moved by (x, y); 0 where that lies beyond its edge."""
    height, width = picture.shape
    rows, columns = np.arange(height) - y, np.arange(width) - x
    inside = np.outer((rows >= 0) & (rows <= height - 1), (columns >= 0) & (columns <= width - 1))
    off: Image = np.abs(other - ground.sampled(picture, -x, -y, width, height)) * inside
    return off
