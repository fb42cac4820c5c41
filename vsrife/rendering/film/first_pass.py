"""The first pass over a film: scene changes and duplicates, found once and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import vapoursynth as vs

from vsrife import arguments
from vsrife.rendering.jobs.manifest import Marks
from vsrife.video import nodes
from vsrife.video.marks import duplicates, scenes
from vsrife.video.marks.marking import Marking

_PREFETCH = 8  # frames in flight: detectors are fast, decoders need some ahead


def marking_of(clip: vs.VideoNode, options: Mapping[str, Any]) -> Marking | None:
    """Where rife(clip, **options) takes its marks from; None if it needs none."""
    asked = {each.name: each.default for each in arguments.ALL} | {"clip": clip} | dict(options)
    return arguments.parse(asked)[1].marking


def find_marks(
    clip: vs.VideoNode,
    marking: Marking,
    first: int,
    end: int,
    on_frame: Callable[[int], None] = lambda done: None,
) -> Marks:
    """The marks of source frames `first` to `end` - 1; on_frame: called with the number done."""
    found = Marks()
    piece = marking.marked(clip)[first:end]
    frames = piece.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)
    for n, frame in enumerate(frames, first):
        props = frame.props
        for name, numbers in (
            (scenes.NEXT, found.cuts_after),
            (scenes.PREV, found.cuts_before),
            (duplicates.DUPLICATE, found.duplicates),
        ):
            if props.get(name):
                numbers.append(n)
        on_frame(n + 1 - first)
    return found


def marked_pixels(count: int, marks: Marks) -> vs.VideoNode:
    """A clip of pixels with the marks, for rife()'s sc_clip and duplicates_clip."""
    after, before = set(marks.cuts_after), set(marks.cuts_before)
    repeats = set(marks.duplicates)
    blank = nodes.pixels(count)

    def mark(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        frame.props[scenes.NEXT] = int(n in after)
        frame.props[scenes.PREV] = int(n in before)
        frame.props[duplicates.DUPLICATE] = int(n in repeats)
        return frame

    return blank.std.ModifyFrame(blank, mark)


def with_marks(options: Mapping[str, Any], count: int, marks: Marks) -> dict[str, Any]:
    """rife()'s arguments that take their marks from `marks` instead of detectors."""
    clip = marked_pixels(count, marks)
    taken = dict(options)
    if options.get("sc"):
        # the threshold has done its work; "adaptive" is a detector, which sc_clip replaces
        taken |= {"sc": True, "sc_clip": clip, "sc_threshold": 0.15}
    if options.get("duplicates"):
        taken |= {"duplicates_clip": clip}
    return taken
