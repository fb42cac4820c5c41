"""Half-transparent overlays between source frames: found over time, kept as `layers` has them.

What is found for source frame n holds for all new frames between n and n + 1. It is read from a
fixed window of source frames, so it does not depend on the order of requests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.detection import ground, overlay, suspects
from vsrife.detection.ground import Image, Shift
from vsrife.detection.overlay import Box
from vsrife.video import frames, nodes
from vsrife.video.frames import uncached
from vsrife.video.overlay.layers import BOXES, MOTION, boxes, frame_of, wider, write

BEFORE, AFTER = 5, 6  # source frames of the window before and after the left one
_FEWEST = 7  # of one motion around the pair
_TRAVEL = 8  # least way of the ground through these, pixels of the small picture
_NEAR = 4  # pixels of the small picture around suspects that are suspect, too
_WIDTH = 480  # of the small picture, in which motion and suspects are found, at most

_SHIFT, _SUSPECTS = "_vsrifeShift", "_vsrifeSuspects"
_PLACES = "_vsrifePlaces"  # of the ground in the frames that move together, from _FIRST on
_FIRST = "_vsrifeFirst"


def found(clip: vs.VideoNode, working: vs.VideoNode) -> vs.VideoNode:
    """Pixels, as many as the source has frames, with the overlays between each and the next.

    clip: the source; working: the same in the network's format.
    """
    by, blank = _reduction(clip), nodes.pixels(clip.num_frames)
    around = [nodes.shifted(working, step) for step in range(-BEFORE, AFTER + 1)]
    suspected = _suspected(blank, moving(clip), around, by)

    def estimate(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        return _estimated(f[0], f[1:], by)

    estimated = blank.std.ModifyFrame([suspected, *around], estimate)
    # each new frame of a pair takes them off two source frames and puts them back
    estimated.std.SetVideoCache(mode=1, fixedsize=1, maxsize=2 + vs.core.num_threads)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return estimated if BOXES in f.props else suspected

    return blank.std.FrameEval(choose, prop_src=suspected, clip_src=[estimated, suspected])


def moving(clip: vs.VideoNode) -> vs.VideoNode:
    """Pixels, as many as the source has frames, with the motion of the ground to the next."""
    return _moving(nodes.pixels(clip.num_frames), frames.luma(clip), _reduction(clip))


def _reduction(clip: vs.VideoNode) -> int:
    return max(1, -(-clip.width // _WIDTH))


def _small(frame: vs.VideoFrame, by: int) -> Image:
    return ground.reduced(np.asarray(frame[0]), by) / np.float32(255)


def _small_colours(frame: vs.VideoFrame, by: int) -> Image:
    return np.stack([ground.reduced(_finite(plane), by) for plane in frames.planes(frame)], 2)


def _moving(blank: vs.VideoNode, grey: vs.VideoNode, by: int) -> vs.VideoNode:
    """Pixels with the places of the ground in the frames of the window that move as one."""

    def measure(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        shift = ground.shift_between(_small(f[1], by), _small(f[2], by))
        if shift is not None and n + 1 < grey.num_frames:
            frame.props[_SHIFT] = list(shift)
        return frame

    shifts = blank.std.ModifyFrame([blank, grey, nodes.shifted(grey, 1)], measure)
    steps = range(-BEFORE, AFTER)

    def join(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        known = [
            Shift(*each.props[_SHIFT]) if n + step >= 0 and _SHIFT in each.props else None
            for step, each in zip(steps, f[1:], strict=True)
        ]
        between = known[BEFORE]
        if between is not None:
            frame.props[MOTION] = [by * side for side in between]
        first, places = _places(known)
        if len(places) >= _FEWEST and _travel(places) >= _TRAVEL:
            frame.props[_FIRST] = first
            frame.props[_PLACES] = [side for place in places for side in place]
        return frame

    return blank.std.ModifyFrame([blank, *(nodes.shifted(shifts, step) for step in steps)], join)


def _places(shifts: Sequence[Shift | None]) -> tuple[int, list[Shift]]:
    """First frame of those in the window that move as one with the pair, and their places."""
    if shifts[BEFORE] is None:
        return BEFORE, []
    first = BEFORE
    while first > 0 and shifts[first - 1] is not None:
        first -= 1
    places = [Shift(0.0, 0.0)]
    for shift in shifts[first:]:
        if shift is None:
            break
        places.append(Shift(places[-1].x + shift.x, places[-1].y + shift.y))
    return first, places


def _travel(places: Sequence[Shift]) -> float:
    xs, ys = [place.x for place in places], [place.y for place in places]
    return max(max(xs) - min(xs), max(ys) - min(ys))


def _read_places(frame: vs.VideoFrame, by: int = 1) -> list[Shift]:
    """In pixels of the picture that is `by` times as large as the small one."""
    values = iter(frame.props[_PLACES])
    return [Shift(by * x, by * y) for x, y in zip(values, values, strict=True)]


def _suspected(
    blank: vs.VideoNode, moving: vs.VideoNode, around: Sequence[vs.VideoNode], by: int
) -> vs.VideoNode:
    """Pixels with what stands still over the moving ground, as boxes, if anything does."""

    def look(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        places, first = _read_places(frame), frame.props[_FIRST]
        images = [_small_colours(each, by) for each in f[1 + first : 1 + first + len(places)]]
        mask = suspects.suspects(images, places)
        found = suspects.boxes(mask)
        if found:
            frame.props[BOXES] = [side for box in found for side in box]
            frame.props[_SUSPECTS] = frame_of(mask[..., None].astype(np.float32))
        return frame

    looked = uncached(blank.std.ModifyFrame([moving, *around], look))

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return looked if _PLACES in f.props else moving

    return blank.std.FrameEval(choose, prop_src=moving, clip_src=[looked, moving])


def _estimated(suspected: vs.VideoFrame, around: Sequence[vs.VideoFrame], by: int) -> vs.VideoFrame:
    """The pixel of `suspected` with the overlays of its boxes that are sure to be some."""
    frame = suspected.copy()
    places, first = _read_places(frame, by), frame.props[_FIRST]
    window = [frames.planes(each) for each in around[first : first + len(places)]]
    mask = np.kron(np.asarray(frame.props[_SUSPECTS][0]) > 0, np.ones((by, by), bool))
    pair = BEFORE - first, BEFORE + 1 - first
    made = []
    for box in boxes(frame.props[BOXES]):
        scaled = Box(*(side * by for side in box))
        region = overlay.region(scaled, places, window[0][0].shape)
        local = scaled._replace(x=scaled.x - region.x, y=scaled.y - region.y)
        suspect = wider(mask[scaled.inside], _NEAR * by)
        parts = [_part(planes, region) for planes in window]
        estimated = overlay.estimate(parts, places, local, suspect, pair)
        if estimated is not None:
            made.append(dataclasses.replace(estimated, box=scaled))
    for name in (_PLACES, _FIRST, _SUSPECTS, BOXES):
        del frame.props[name]
    write(frame, made)
    return frame


def _part(planes: Sequence[NDArray[Any]], region: Box) -> Image:
    """A part of a frame as (H, W, C) of finite numbers."""
    return _finite(np.stack([plane[region.inside] for plane in planes], 2))


def _finite(values: NDArray[Any]) -> Image:
    finite: Image = np.nan_to_num(values.astype(np.float32), nan=0, posinf=1, neginf=0)
    return finite
