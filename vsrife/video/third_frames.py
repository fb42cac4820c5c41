"""The third frame of networks that read three: the one beyond the pair around a new frame."""

from __future__ import annotations

from typing import NamedTuple

import vapoursynth as vs

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
