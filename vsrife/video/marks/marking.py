"""Marks of scene changes and duplicates: from detectors, from another clip, or the clip's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

from vsrife.video.frames import uncached
from vsrife.video.marks import duplicates, scenes
from vsrife.video.marks.bad_frames import Ranges
from vsrife.video.plans import FilledPlan, Filling
from vsrife.video.timeline import Timeline

LOOKED_AT = 240  # first frames of a clip among which a property is looked for


@dataclass(frozen=True, kw_only=True)
class Marking:
    """Where marks come from.

    sc_threshold, duplicates_threshold: of our detectors, 0..1; None: the detector does not run.
    adaptive: the adaptive detector. own_cuts, own_repeats: use the clip's own scene changes,
    duplicates. cuts, repeats: use the scene changes, the duplicates of this clip. bad: frames
    hidden from the detectors.
    """

    sc_threshold: float | None = None
    adaptive: bool = False
    own_cuts: bool = False
    cuts: vs.VideoNode | None = None
    duplicates_threshold: float | None = None
    repeats: vs.VideoNode | None = None
    own_repeats: bool = False
    bad: Ranges | str | None = None

    def marked(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip` with the marks; adds no node for marks that are not wanted."""
        if self.cuts is not None:
            cuts = scenes.complete_marks(expecting(self.cuts, _CUTS, "sc_clip"))
            clip = clip.std.CopyFrameProps(cuts, props=[scenes.PREV, scenes.NEXT])
        elif self.own_cuts:
            clip = scenes.complete_marks(expecting(clip, _CUTS, "clip"))
        elif self.sc_threshold is not None:
            judged = clip if self.bad is None else _without(self.bad, clip)
            mark = scenes.mark_adaptive if self.adaptive else scenes.mark_scene_changes
            clip = mark(clip, self.sc_threshold, judged)
        if self.repeats is not None:
            repeats = expecting(self.repeats, _REPEATS, "duplicates_clip")
            clip = clip.std.CopyFrameProps(repeats, props=[duplicates.DUPLICATE])
        elif self.own_repeats:
            clip = expecting(clip, _REPEATS, "clip")
        elif self.duplicates_threshold is not None:
            judged = clip if self.bad is None else _without(self.bad, clip)
            clip = duplicates.mark_duplicates(clip, self.duplicates_threshold, judged)
        return clip


_CUTS, _REPEATS = (scenes.NEXT, scenes.PREV), (duplicates.DUPLICATE,)


def expecting(clip: vs.VideoNode, names: Sequence[str], argument: str) -> vs.VideoNode:
    """`clip`; one line in the log when its first frames have passed and none has the properties.

    names: of properties of which one suffices, whatever its value; argument: what the user calls
    the clip. A script cannot know before: properties come with frames.
    """
    count = min(LOOKED_AT, clip.num_frames)
    waiting, lock = set(range(count)), threading.Lock()

    def look(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        with lock:
            # a frame that has one is waited for for good
            if n in waiting and not any(name in f.props for name in names):
                waiting.discard(n)
                if not waiting:
                    _tell(f"none of the first {count} frames of {argument} has {names[0]}")
        return f

    begin = uncached(clip.std.Trim(length=count))
    begin = uncached(begin.std.ModifyFrame(begin, look))
    if count == clip.num_frames:
        return begin
    return uncached(begin + uncached(clip.std.Trim(first=count)))


def _tell(text: str) -> None:
    vs.core.log_message(
        vs.MESSAGE_TYPE_WARNING,
        f"rife: {text}; is the name right, and does the filter that sets it come before?",
    )


def _without(bad: Ranges | str, clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with the last good frame held over bad ones, which a detector would take for cuts."""
    filling = Filling(span=0, anchor="first", bad=bad, cuts=False)
    plan = FilledPlan(Timeline(clip.num_frames, Fraction(1)), clip, filling)
    return plan.neighbours(clip, clip).left
