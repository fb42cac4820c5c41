"""The third frame of networks that read three: the one beyond the pair around a new frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import vapoursynth as vs

from vsrife.detection.runs import BAD, CUT_AFTER, INSIDE, REPEATS
from vsrife.video.colour import alphas_match
from vsrife.video.marks import scenes


class Source(NamedTuple):
    """A source frame and its number."""

    number: int
    frame: vs.VideoFrame


def beyond_pair(
    left: Source,
    right: Source,
    before: Source,
    after: Source,
    *,
    cuts: bool,
    with_alpha: bool,
) -> tuple[Source, Source]:
    """`before` and `after`, or the frame of the pair beside it where that one is held: beyond a
    scene change, if `cuts`, and where `with_alpha` is asked for and there is none like it."""
    starts = cuts and left.frame.props.get(scenes.PREV)
    ends = cuts and right.frame.props.get(scenes.NEXT)
    if with_alpha:
        starts = starts or not alphas_match(before.frame, left.frame)
        ends = ends or not alphas_match(after.frame, right.frame)
    return left if starts else before, right if ends else after


def offsets_beyond(
    bits: Callable[[int], int], left: int, right: int, reach: int
) -> tuple[int, int]:
    """The frames before `left` and after `right` that show another drawing and are not bad; these
    themselves where a scene changes or the clip ends before such a frame, or none is near.

    bits: of a frame, see `runs.INSIDE`; known for frames up to `reach` from frame 0.
    """
    before, after = left, right
    while before > -reach and not bits(before - 1) & CUT_AFTER and bits(before - 1) & INSIDE:
        repeats = bits(before) & REPEATS
        before -= 1
        if not repeats and not bits(before) & BAD:
            break
    else:
        before = left
    while after < reach and not bits(after) & CUT_AFTER and bits(after + 1) & INSIDE:
        after += 1
        if not bits(after) & (BAD | REPEATS):
            break
    else:
        after = right
    return before, after
