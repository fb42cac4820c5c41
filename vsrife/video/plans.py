"""What an output frame is made of: which source frames it stands between, what is shown there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import vapoursynth as vs

from vsrife.video import frames, nodes, scenes
from vsrife.video.bad_frames import Ranges
from vsrife.video.duplicates import BAD, CUT_AFTER, DUPLICATE, INSIDE, REPEATS, Runs, Segment
from vsrife.video.frames import uncached
from vsrife.video.scenes import NEXT
from vsrife.video.timeline import Place, Times

BAD_REACH = 16  # longest run of bad frames that is replaced where a property says which are bad
_AROUND = "_vsrifeAround"
# Of the segment an output frame lies in: source frames, and half frames for the times
_LEFT, _RIGHT, _BEGIN, _END = "_vsrifeLeft", "_vsrifeRight", "_vsrifeBegin", "_vsrifeEnd"


class Neighbours[Item](NamedTuple):
    """The source frames around each output frame, as clips, or around one, as frames.

    decision: what the plan asks for besides; before, after: further source frames on either side.
    """

    left: Item
    right: Item
    decision: Item | None = None
    before: Item | None = None
    after: Item | None = None

    @property
    def given(self) -> list[Item]:
        """Those that there are, as inputs of a filter."""
        return [item for item in self if item is not None]

    def named[Frame](self, inputs: Sequence[Frame]) -> Neighbours[Frame]:
        """What a filter was given for `given`, each by its name."""
        rest = iter(inputs)
        left, right = next(rest), next(rest)
        others = (None if item is None else next(rest) for item in self[2:])
        return Neighbours(left, right, *others)


class Shown(Enum):
    """What an output frame shows: a neighbour as it is, a blend of both, or a new frame."""

    LEFT = "left"
    RIGHT = "right"
    BLEND = "blend"
    NEW = "new"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is shown instead of new frames, and when.

    cuts: across scene changes; skip: before duplicates; confidence: where a new frame's is less
    than this. mode: "hold" the left frame, the "nearest", or a "blend" of both. cadence: new frames
    keep that of the drawings.
    """

    cuts: bool
    mode: str = "hold"
    skip: bool = False
    confidence: float | None = None
    cadence: bool = False

    @property
    def holds_only(self) -> bool:
        """Whether a frame is either new as the network makes it, or its left neighbour."""
        return self.mode == "hold" and self.confidence is None and not self.cadence

    def instead(self, at: Place) -> Shown:
        """What is shown where there is to be no new frame."""
        if self.mode == "blend":
            return Shown.BLEND
        return Shown.RIGHT if self.mode == "nearest" and at.timestep > 0.5 else Shown.LEFT


def verdict(at: Place, left: vs.VideoFrame, right: vs.VideoFrame, policy: Policy) -> Shown:
    """What is shown between two source frames."""
    if at.step == 0:
        return Shown.LEFT
    if policy.cuts and scenes.cut_between(left, right, at.right - at.left):
        return policy.instead(at)
    if policy.skip and right.props.get(DUPLICATE):
        return Shown.LEFT
    if frames.same_picture(frames.planes_and_alpha(left), frames.planes_and_alpha(right)):
        return Shown.LEFT
    return Shown.NEW


@dataclass
class Plan:
    """Between which source frames, and where between them, an output frame stands: by time alone.

    decisions: as long as the output; its frame n tells `place` what it needs. None if n is enough.
    """

    times: Times
    decisions: vs.VideoNode | None = None

    def place(self, n: int, decision: vs.VideoFrame | None) -> Place:
        return self.times.place(n)

    def neighbours(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        """Neighbours of each output frame, taken from `clip`.

        clip: as long as the source, of any format; template: format of `clip`, length of the
        output. Asked for the source's frames and for those that the network reads.
        """
        return self.by_time(clip, template)

    def by_time(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        """The same by time alone: the frames that tell an output frame's properties."""
        place = self.times.place
        return Neighbours(
            frames.reorder(clip, template, lambda n: place(n).left),
            frames.reorder(clip, template, lambda n: place(n).right),
        )

    def at_own_time(self, clip: vs.VideoNode, template: vs.VideoNode) -> vs.VideoNode:
        """The left one of `by_time`."""
        return frames.reorder(clip, template, lambda n: self.times.place(n).left)


@dataclass(frozen=True)
class Filling:
    """What to leave out. span: longest run of duplicates, 0 for none; anchor: of `ANCHORS`; bad:
    ranges, the name of a property, or nothing; cuts: whether marks of scene changes count."""

    span: int
    anchor: str
    bad: Ranges | str | None
    cuts: bool


@dataclass(frozen=True)
class _Decider:
    """Finds the segments of a `FilledPlan`. Apart from that, since the plan holds the clip that
    calls this, and two that hold each other would never go."""

    times: Times
    filling: Filling

    @property
    def reach(self) -> int:
        """How many frames on either side have to be known."""
        reach = 2 * self.filling.span
        return max(reach, BAD_REACH + 1) if isinstance(self.filling.bad, str) else reach

    def facts(self, frame: vs.VideoFrame) -> int:
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
        frame = f[0].copy()
        at = self.times.place(n)
        found = self._segment(at, nodes.values(f[1], _AROUND))
        if found is not None:
            frame.props[_LEFT], frame.props[_RIGHT] = at.left + found.left, at.left + found.right
            frame.props[_BEGIN], frame.props[_END] = int(2 * found.begin), int(2 * found.end)
        return frame

    def _segment(self, at: Place, around: Sequence[int]) -> Segment | None:
        filling = self.filling
        ranges = filling.bad if isinstance(filling.bad, Ranges) else None

        def bits(k: int) -> int:
            known = around[k + self.reach]
            listed = ranges is not None and ranges.good_before(at.left + k) != at.left + k
            return known | BAD if listed else known

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
    """The plan for a clip of drawings, of which some frames are no drawings of their own: others
    are interpolated in the places of duplicates and bad frames.

    Deciding takes the properties of a bounded number of frames around, so frames come out the same
    in any order of requests.
    """

    def __init__(self, times: Times, clip: vs.VideoNode, filling: Filling) -> None:
        """clip: the source with its marks."""
        super().__init__(times)
        decider = _Decider(times, filling)
        facts = nodes.gather(clip, decider.facts, _AROUND, decider.reach, decider.reach)
        blank = nodes.pixels(times.num_frames)
        inputs = [blank, self.at_own_time(facts, blank)]
        self.decisions: vs.VideoNode = blank.std.ModifyFrame(inputs, decider.decide)

    def place(self, n: int, decision: vs.VideoFrame | None) -> Place:
        at = self.times.place(n)
        if decision is None or _LEFT not in decision.props:
            return at
        props = decision.props
        time = (2 * Fraction(at.step, at.steps) - props[_BEGIN]) / (props[_END] - props[_BEGIN])
        left, right = props[_LEFT], props[_RIGHT] if time else props[_LEFT]
        return Place(left, right, time.numerator, time.denominator, at.first, at.last)

    def neighbours(self, clip: vs.VideoNode, template: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        moved: dict[int, vs.VideoNode] = {}  # by how many frames; as many as runs are long

        def moved_by(frames: int) -> vs.VideoNode:
            if frames not in moved:
                moved[frames] = self.at_own_time(nodes.shifted(clip, frames), template)
            return moved[frames]

        def left(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            return moved_by(self.place(n, f).left - self.times.place(n).left)

        def right(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            return moved_by(self.place(n, f).right - self.times.place(n).left)

        return Neighbours(
            uncached(template.std.FrameEval(left, prop_src=self.decisions, clip_src=clip)),
            uncached(template.std.FrameEval(right, prop_src=self.decisions, clip_src=clip)),
            self.decisions,
        )
