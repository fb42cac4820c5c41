"""Frames that the source cannot give: found once one of them has failed, and covered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import vapoursynth as vs

from vsrife.errors import MediaError

KINDS = ("stop", "repeat", "interpolate")


def find(clip: vs.VideoNode) -> list[int]:
    """The frames of a clip that cannot be read; reads all of them."""
    found = []
    for n in range(clip.num_frames):
        try:
            clip.get_frame(n).close()
        except vs.Error:
            found.append(n)
    return found


def ranges(frames: Sequence[int]) -> list[tuple[int, int]]:
    """First and last frame of each run of numbers, which rise."""
    if not frames:
        return []
    breaks = [k for k, (a, b) in enumerate(pairwise(frames), 1) if b > a + 1]
    begins, ends = [0, *breaks], [*breaks, len(frames)]
    return [(frames[a], frames[b - 1]) for a, b in zip(begins, ends, strict=True)]


def covered(clip: vs.VideoNode, frames: Sequence[int]) -> vs.VideoNode:
    """`clip` with the last readable frame in place of each unreadable one; at the start, the first.

    MediaError if no frame can be read.
    """
    bad = ranges(frames)
    if not bad:
        return clip
    if bad[0] == (0, clip.num_frames - 1):
        raise MediaError("no frame of the video can be read")
    first, last = zip(*bad, strict=True)
    instead = [begin - 1 if begin else end + 1 for begin, end in bad]
    std: Any = clip.std  # which our stubs know in part
    made: vs.VideoNode = std.FreezeFrames(list(first), list(last), instead)
    return made


def replaceable(frames: Sequence[int], count: int) -> list[tuple[int, int]]:
    """The ranges that new frames can replace: with a good frame on both sides."""
    return [(begin, end) for begin, end in ranges(frames) if begin > 0 and end < count - 1]
