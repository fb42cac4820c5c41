"""The choices about scenes, duplicates, repairs and overlays: checked, then applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsrife import checks
from vsrife.errors import ArgumentError
from vsrife.video import adaptive, bad_frames, duplicates, overlays, scenes, timeline
from vsrife.video.filling import FilledPlan, Filling
from vsrife.video.plans import Plan, Policy, SteadyPlan

SC_MODES = ("hold", "nearest", "blend")
DUPLICATES = ("fill", "skip")
PACES = ("drawn",)
MAX_SPAN = 24


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Arguments of rife() of the same names, checked. sc_threshold and duplicates_threshold are
    None where marks are taken as they are; replace is what `repair.read_replace` gives."""

    sc: bool | str
    sc_threshold: float | None
    sc_clip: vs.VideoNode | None
    sc_mode: str
    duplicates: str | None
    duplicates_threshold: float | None
    duplicates_clip: vs.VideoNode | None
    duplicates_span: int
    duplicates_anchor: str
    replace: bad_frames.Ranges | str | None
    mask: vs.VideoNode | None
    protect: bool
    pace: str | None
    confidence: float | None

    @property
    def policy(self) -> Policy:
        return Policy(
            cuts=bool(self.sc),
            mode=self.sc_mode,
            skip=self.duplicates == "skip",
            confidence=self.confidence,
            drawn=self.pace is not None,
        )

    @property
    def protection(self) -> overlays.Protection | None:
        if self.mask is None and not self.protect:
            return None
        return overlays.Protection(self.mask, self.protect)

    def marked(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip` with the properties that are asked for, and no node for any other."""
        if self.sc_clip is not None:
            cuts = scenes.complete_marks(self.sc_clip)
            clip = clip.std.CopyFrameProps(cuts, props=[scenes.PREV, scenes.NEXT])
        elif self.sc and self.sc_threshold is None:
            clip = scenes.complete_marks(clip)
        elif self.sc and self.sc_threshold is not None:
            seen = clip if self.replace is None else self._without_bad(clip)
            mark = adaptive.mark_adaptive if self.sc == "adaptive" else scenes.mark_scene_changes
            clip = mark(clip, self.sc_threshold, seen)
        if self.duplicates_clip is not None:
            clip = clip.std.CopyFrameProps(self.duplicates_clip, props=[duplicates.DUPLICATE])
        elif self.duplicates and self.duplicates_threshold is not None:
            clip = duplicates.mark_duplicates(clip, self.duplicates_threshold)
        return clip

    def _without_bad(self, clip: vs.VideoNode) -> vs.VideoNode:
        """For detectors, to whom a bad frame is a cut: the good frame before it is held."""
        as_it_is = SteadyPlan(timeline.Timeline(clip.num_frames, Fraction(1)))
        filling = Filling(span=0, anchor="first", bad=self.replace, cuts=False)
        return FilledPlan(as_it_is, clip, clip.num_frames, filling).sides(clip, clip)[0]

    def plan(self, inner: Plan, clip: vs.VideoNode, length: int) -> Plan:
        """`inner`, or what leaves out duplicates and bad frames; clip: marked."""
        fills = self.duplicates == "fill"
        if not fills and self.replace is None:
            return inner
        span = self.duplicates_span if fills else 0
        filling = Filling(span, self.duplicates_anchor, self.replace, bool(self.sc))
        return FilledPlan(inner, clip, length, filling)


def check(clip: vs.VideoNode, **given: Any) -> Choices:
    """The arguments of `Choices` as `rife` was given them; ArgumentError for what cannot work."""
    _check_scenes(clip, given)
    _check_duplicates(clip, given)
    if given["pace"] is not None:
        _one_of("pace", given["pace"], PACES)
        if given["duplicates"] == "fill":
            raise ArgumentError(
                'pace="drawn" keeps held drawings and duplicates="fill" replaces them; '
                "choose one of them"
            )
    if given["confidence"] is not None:
        hint = "None trusts every frame"
        given["confidence"] = checks.share("confidence", given["confidence"], hint)
    if given["replace"] is not None:
        given["replace"] = bad_frames.read_replace(given["replace"], clip.num_frames)
    if given["mask"] is not None:
        given["mask"] = overlays.check_mask(given["mask"], clip)
    if not _is_flag(given["protect"]):
        raise ArgumentError(f"protect must be True or False, not {given['protect']!r}")
    if min(clip.width, clip.height) < 4:
        given["protect"] = False  # no room for lettering, nor for filters that look for it
    return Choices(**given)


def _check_scenes(clip: vs.VideoNode, given: dict[str, Any]) -> None:
    sc, threshold, marks = given["sc"], given["sc_threshold"], given["sc_clip"]
    if not _is_flag(sc) and not (isinstance(sc, str) and sc == "adaptive"):
        raise ArgumentError(f'sc must be True, False or "adaptive", not {sc!r}')
    _one_of("sc_mode", given["sc_mode"], SC_MODES)
    if marks is not None:
        _check_clip("sc_clip", marks, clip)
        if not sc or sc == "adaptive":
            raise ArgumentError(
                f"sc_clip says where scenes change, which sc={sc!r} does not ask for; use sc=True"
            )
    if not sc:
        if given["sc_mode"] != "hold" and given["confidence"] is None:
            raise ArgumentError(
                f"sc_mode={given['sc_mode']!r} has nothing to act on; add sc=True or a confidence"
            )
    elif threshold is not None:
        given["sc_threshold"] = scenes.check_threshold(threshold)
    elif sc == "adaptive":
        raise ArgumentError(
            'sc_threshold=None takes the clip\'s own marks, which sc="adaptive" would replace; '
            "use sc=True for that"
        )


def _check_duplicates(clip: vs.VideoNode, given: dict[str, Any]) -> None:
    kind, span = given["duplicates"], given["duplicates_span"]
    if kind is not None:
        _one_of("duplicates", kind, DUPLICATES)
    _one_of("duplicates_anchor", given["duplicates_anchor"], duplicates.ANCHORS)
    if not 2 <= checks.whole("duplicates_span", span) <= MAX_SPAN:
        raise ArgumentError(f"duplicates_span must be between 2 and {MAX_SPAN}, not {span!r}")
    if given["duplicates_anchor"] != "first" and kind != "fill":
        raise ArgumentError(
            f"duplicates_anchor={given['duplicates_anchor']!r} has nothing to act on; "
            'add duplicates="fill"'
        )
    if given["duplicates_clip"] is not None:
        _check_clip("duplicates_clip", given["duplicates_clip"], clip)
        if kind is None:
            raise ArgumentError(
                'duplicates_clip has nothing to act on; add duplicates="fill" or "skip"'
            )
    if given["duplicates_threshold"] is not None:
        given["duplicates_threshold"] = checks.share(
            "duplicates_threshold",
            given["duplicates_threshold"],
            "None takes the clip's own _Duplicate",
        )


def _is_flag(value: object) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _check_clip(name: str, marks: object, clip: vs.VideoNode) -> None:
    if not isinstance(marks, vs.VideoNode):
        raise ArgumentError(f"{name} must be a clip, not {type(marks).__name__}")
    if marks.num_frames != clip.num_frames:
        raise ArgumentError(
            f"{name} must have as many frames as clip, {clip.num_frames}, not {marks.num_frames}"
        )


def _one_of(name: str, value: object, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ArgumentError(f"{name} must be one of {', '.join(known)}, not {value!r}")
