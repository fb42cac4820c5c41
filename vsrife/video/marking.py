"""Marks of scene changes and duplicates: from detectors, from another clip, or the clip's own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

from vsrife.video import duplicates, scenes
from vsrife.video.bad_frames import Ranges
from vsrife.video.plans import FilledPlan, Filling
from vsrife.video.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class Marking:
    """Where marks come from.

    sc_threshold, duplicates_threshold: of our detectors, 0..1; None: the detector does not run.
    adaptive: the adaptive detector. own_cuts: use the clip's own scene changes. cuts, repeats: use
    the scene changes, the duplicates of this clip. bad: frames hidden from the detectors.
    """

    sc_threshold: float | None = None
    adaptive: bool = False
    own_cuts: bool = False
    cuts: vs.VideoNode | None = None
    duplicates_threshold: float | None = None
    repeats: vs.VideoNode | None = None
    bad: Ranges | str | None = None

    def marked(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip` with the marks; adds no node for marks that are not wanted."""
        if self.cuts is not None:
            cuts = scenes.complete_marks(self.cuts)
            clip = clip.std.CopyFrameProps(cuts, props=[scenes.PREV, scenes.NEXT])
        elif self.own_cuts:
            clip = scenes.complete_marks(clip)
        elif self.sc_threshold is not None:
            judged = clip if self.bad is None else _without(self.bad, clip)
            mark = scenes.mark_adaptive if self.adaptive else scenes.mark_scene_changes
            clip = mark(clip, self.sc_threshold, judged)
        if self.repeats is not None:
            clip = clip.std.CopyFrameProps(self.repeats, props=[duplicates.DUPLICATE])
        elif self.duplicates_threshold is not None:
            clip = duplicates.mark_duplicates(clip, self.duplicates_threshold)
        return clip


def _without(bad: Ranges | str, clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with the last good frame held over bad ones, which a detector would take for cuts."""
    filling = Filling(span=0, anchor="first", bad=bad, cuts=False)
    plan = FilledPlan(Timeline(clip.num_frames, Fraction(1)), clip, filling)
    return plan.neighbours(clip, clip).left
