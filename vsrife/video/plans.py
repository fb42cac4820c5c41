"""Plans: which source frames an output frame lies between, and what is shown there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import vapoursynth as vs

from vsrife.detection.runs import (
    BAD,
    CUT_AFTER,
    INSIDE,
    REPEATS,
    Runs,
    Segment,
    offsets_beyond,
)
from vsrife.video import frames, nodes
from vsrife.video.frames import uncached
from vsrife.video.marks import scenes
from vsrife.video.marks.bad_frames import Ranges
from vsrife.video.marks.duplicates import DUPLICATE
from vsrife.video.marks.scenes import NEXT
from vsrife.video.timeline import Position, Times

BAD_REACH = 16  # longest run of bad frames that is replaced, if a property marks them
_AROUND = "_vsrifeAround"
# The segment of an output frame: its source frames, and its times in half frames
_LEFT, _RIGHT, _BEGIN, _END = "_vsrifeLeft", "_vsrifeRight", "_vsrifeBegin", "_vsrifeEnd"
_BEYOND = "_vsrifeBeyond"  # the frames before and after that


class Neighbours[Item](NamedTuple):
    """The source frames around each output frame, as clips, or around one of them, as frames.

    decision: the plan's decision about the output frame; before, after: the source frames before
    `left` and after `right`.
    """

    left: Item
    right: Item
    decision: Item | None = None
    before: Item | None = None
    after: Item | None = None

    @property
    def inputs(self) -> list[Item]:
        """The items that are not None, as inputs of a filter."""
        return [item for item in self if item is not None]

    def named[Frame](self, received: Sequence[Frame]) -> Neighbours[Frame]:
        """The frames that a filter received for `inputs`, by name."""
        rest = iter(received)
        left, right = next(rest), next(rest)
        others = (None if item is None else next(rest) for item in self[2:])
        return Neighbours(left, right, *others)


class Shown(Enum):
    """What an output frame shows: an unchanged neighbour, a blend of both, or a new frame."""

    LEFT = "left"
    RIGHT = "right"
    BLEND = "blend"
    NEW = "new"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When no new frame is shown, and what is shown fallback.

    cuts: none across scene changes. skip: none before duplicates. confidence: none whose confidence
    is below this, 0..1. mode: what is shown fallback, "hold" (the left frame), "nearest" or "blend"
    (of both). cadence: new frames keep the cadence of the drawings.
    """

    cuts: bool
    mode: str = "hold"
    skip: bool = False
    confidence: float | None = None
    cadence: bool = False

    @property
    def holds_only(self) -> bool:
        """Whether an output frame is always its left neighbour or an ordinary new frame."""
        return self.mode == "hold" and self.confidence is None and not self.cadence

    def fallback(self, at: Position) -> Shown:
        """What is shown fallback of a new frame."""
        if self.mode == "blend":
            return Shown.BLEND
        return Shown.RIGHT if self.mode == "nearest" and at.timestep > 0.5 else Shown.LEFT


def verdict(at: Position, left: vs.VideoFrame, right: vs.VideoFrame, policy: Policy) -> Shown:
    """What is shown between two source frames."""
    if at.step == 0:
        return Shown.LEFT
    if policy.cuts and scenes.cut_between(left, right, at.right - at.left):
        return policy.fallback(at)
    if policy.skip and right.props.get(DUPLICATE):
        return Shown.LEFT
    if frames.same_picture(frames.planes_and_alpha(left), frames.planes_and_alpha(right)):
        return Shown.LEFT
    return Shown.NEW


@dataclass
class Plan:
    """Source frames and timestep of each output frame, by time alone.

    decisions: a clip as long as the output; `position` reads frame n of it. None: it needs only n.
    """

    times: Times
    decisions: vs.VideoNode | None = None

    def position(self, n: int, decision: vs.VideoFrame | None) -> Position:
        """Position of output frame n. decision: frame n of `decisions`."""
        return self.times.position(n)

    def neighbours(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        """Neighbours of each output frame, taken from `clip`.

        clip: as long as the source, in any format, such as the network's; template: format of
        `clip`, length of the output.
        """
        return self.by_time(clip, template)

    def beyond(self, at: Position, decision: vs.VideoFrame | None) -> tuple[int, int]:
        """The source frames before the left and after the right one of a position; these themselves
        at the ends of the clip. decision: as of `position`."""
        return max(at.left - 1, 0), min(at.right + 1, self.times.end)

    def beside(
        self, clip: vs.VideoNode, template: vs.VideoNode
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        """The frames of `beyond`, taken from `clip` as those of `neighbours` are."""
        before, after = (self.neighbours(nodes.shifted(clip, by), template) for by in (-1, 1))
        return before.left, after.right

    def by_time(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        """The same by time alone: the frames from which an output frame takes its properties."""
        position = self.times.position
        return Neighbours(
            frames.reorder(clip, template, lambda n: position(n).left),
            frames.reorder(clip, template, lambda n: position(n).right),
        )

    def at_own_time(self, clip: vs.VideoNode, template: vs.VideoNode) -> vs.VideoNode:
        """The left frames of `by_time`."""
        return frames.reorder(clip, template, lambda n: self.times.position(n).left)


@dataclass(frozen=True)
class Filling:
    """Which frames are replaced.

    span: longest run of duplicates, in frames; 0: duplicates stay. anchor: one of `ANCHORS`. bad:
    ranges, the name of a property, or None. cuts: whether marks of scene changes count. beyond:
    whether the frames before and after are asked for, too.
    """

    span: int
    anchor: str
    bad: Ranges | str | None
    cuts: bool
    beyond: bool = False


@dataclass(frozen=True)
class _Decider:
    """Finds the segments of a `FilledPlan`.

    Not a part of the plan: the plan owns the clip that calls this, and a reference back would be a
    cycle that is never freed.
    """

    times: Times
    filling: Filling

    @property
    def reach(self) -> int:
        """How many frames on each side a decision needs."""
        filling, reach = self.filling, 2 * self.filling.span
        looks = isinstance(filling.bad, str) or (filling.beyond and filling.bad is not None)
        return max(reach, BAD_REACH + 1) if looks else reach

    def facts(self, frame: vs.VideoFrame) -> int:
        """The bits of a marked source frame, see `duplicates.INSIDE`."""
        props, filling = frame.props, self.filling
        bits = INSIDE
        if filling.span and props.get(DUPLICATE):
            bits |= REPEATS
        if filling.cuts and props.get(NEXT):
            bits |= CUT_AFTER
        if isinstance(filling.bad, str) and props.get(filling.bad):
            bits |= BAD
        return bits

    def decide(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        """Callback: a pixel with the segment of output frame n, if it lies in one."""
        frame = f[0].copy()
        at = self.times.position(n)
        bits = self._bits(at, nodes.values(f[1], _AROUND))
        found = self._segment(at, bits)
        if found is not None:
            frame.props[_LEFT], frame.props[_RIGHT] = at.left + found.left, at.left + found.right
            frame.props[_BEGIN], frame.props[_END] = int(2 * found.begin), int(2 * found.end)
        if self.filling.beyond:
            pair = (found.left, found.right) if found is not None else (0, at.right - at.left)
            frame.props[_BEYOND] = [at.left + k for k in offsets_beyond(bits, *pair, self.reach)]
        return frame

    def _bits(self, at: Position, around: Sequence[int]) -> Callable[[int], int]:
        """The facts of frame `at.left` + k, for k up to `reach` to either side."""
        bad = self.filling.bad
        ranges = bad if isinstance(bad, Ranges) else None

        def bits(k: int) -> int:
            known = around[k + self.reach]
            listed = ranges is not None and ranges.good_before(at.left + k) != at.left + k
            return known | BAD if listed else known

        return bits

    def _segment(self, at: Position, bits: Callable[[int], int]) -> Segment | None:
        filling = self.filling
        ranges = filling.bad if isinstance(filling.bad, Ranges) else None
        if ranges is not None and (good := ranges.around(at.left)) is not None:
            left, right = (k - at.left for k in good)
            return Segment(Fraction(left), Fraction(right), left, right)
        runs = Runs(bits, filling.span)
        if isinstance(filling.bad, str) and (bad := runs.around_bad(BAD_REACH)) is not None:
            return bad
        if not filling.span:
            return None
        if filling.anchor == "first":
            return runs.from_first()
        return runs.from_centre(Fraction(at.step, at.steps))


class FilledPlan(Plan):
    """A plan that replaces duplicates and bad frames by new frames.

    A decision reads the properties of a fixed number of frames around, so frames do not depend on
    the order of requests.
    """

    def __init__(self, times: Times, clip: vs.VideoNode, filling: Filling) -> None:
        """clip: the source, with marks of scene changes and duplicates."""
        super().__init__(times)
        decider = _Decider(times, filling)
        facts = nodes.gather(clip, decider.facts, _AROUND, decider.reach, decider.reach)
        blank = nodes.pixels(times.num_frames)
        inputs = [blank, self.at_own_time(facts, blank)]
        self.decisions: vs.VideoNode = blank.std.ModifyFrame(inputs, decider.decide)

    def position(self, n: int, decision: vs.VideoFrame | None) -> Position:
        at = self.times.position(n)
        if decision is None or _LEFT not in decision.props:
            return at
        props = decision.props
        time = (2 * Fraction(at.step, at.steps) - props[_BEGIN]) / (props[_END] - props[_BEGIN])
        left, right = props[_LEFT], props[_RIGHT] if time else props[_LEFT]
        return Position(left, right, time.numerator, time.denominator, at.first, at.last)

    def beyond(self, at: Position, decision: vs.VideoFrame | None) -> tuple[int, int]:
        if decision is None or _BEYOND not in decision.props:
            return super().beyond(at, decision)
        before, after = nodes.values(decision, _BEYOND)
        return before, after

    def neighbours(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        left, right = self._chosen(clip, template, lambda n, f: self.position(n, f)[:2])
        return Neighbours(left, right, self.decisions)

    def beside(
        self, clip: vs.VideoNode, template: vs.VideoNode
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        return self._chosen(clip, template, lambda n, f: self.beyond(self.position(n, f), f))

    def _chosen(
        self,
        clip: vs.VideoNode,
        template: vs.VideoNode,
        pair: Callable[[int, vs.VideoFrame], tuple[int, int]],
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        """Two clips of the source frames that `pair` chooses for each output frame."""
        moved: dict[int, vs.VideoNode] = {}  # by the offset in frames

        def moved_to(n: int, source: int) -> vs.VideoNode:
            by = source - self.times.position(n).left
            if by not in moved:
                moved[by] = self.at_own_time(nodes.shifted(clip, by), template)
            return moved[by]

        def chosen(side: int) -> vs.VideoNode:
            def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
                return moved_to(n, pair(n, f)[side])

            return uncached(template.std.FrameEval(choose, prop_src=self.decisions, clip_src=clip))

        return chosen(0), chosen(1)
