"""The plan that leaves out duplicates and bad frames: others are interpolated in their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import vapoursynth as vs

from vsrife.video import nodes
from vsrife.video.bad_frames import Ranges
from vsrife.video.duplicates import BAD, CUT_AFTER, DUPLICATE, INSIDE, REPEATS, Runs, Segment
from vsrife.video.frames import uncached
from vsrife.video.plans import Plan
from vsrife.video.scenes import NEXT
from vsrife.video.timeline import Place

BAD_REACH = 16  # longest run of bad frames that is replaced where a property says which are bad
_AROUND = "_vsrifeAround"
# Of the segment an output frame lies in: source frames, and half frames for the times
_LEFT, _RIGHT, _BEGIN, _END = "_vsrifeLeft", "_vsrifeRight", "_vsrifeBegin", "_vsrifeEnd"


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

    inner: Plan
    filling: Filling

    @property
    def reach(self) -> int:
        """How many frames on either side have to be known."""
        reach = 2 * self.filling.span + 1
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
        at = self.inner.place(n, f[0])
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


class FilledPlan:
    """`inner`'s plan for a clip of drawings, of which some frames are no drawings of their own.

    Deciding takes the properties of a bounded number of frames around, so frames come out the same
    in any order of requests. See `Plan`.
    """

    def __init__(self, inner: Plan, clip: vs.VideoNode, length: int, filling: Filling) -> None:
        """clip: the source with its marks; length: of the output."""
        decider = _Decider(inner, filling)
        facts = nodes.gather(clip, decider.facts, _AROUND, decider.reach, decider.reach)
        blank = nodes.pixels(length)
        inputs = [inner.decisions or blank, inner.sides(facts, blank)[0]]
        self._inner = inner
        self.decisions = blank.std.ModifyFrame(inputs, decider.decide)

    def place(self, n: int, decision: vs.VideoFrame | None) -> Place:
        at = self._inner.place(n, decision)
        if decision is None or _LEFT not in decision.props:
            return at
        props = decision.props
        time = (2 * Fraction(at.step, at.steps) - props[_BEGIN]) / (props[_END] - props[_BEGIN])
        left, right = props[_LEFT], props[_RIGHT] if time else props[_LEFT]
        return Place(left, right, time.numerator, time.denominator, at.first, at.last)

    def sides(
        self, clip: vs.VideoNode, template: vs.VideoNode
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        moved: dict[int, vs.VideoNode] = {}  # by how many frames; as many as runs are long

        def moved_by(frames: int) -> vs.VideoNode:
            if frames not in moved:
                moved[frames] = self._inner.sides(nodes.shifted(clip, frames), template)[0]
            return moved[frames]

        def left(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            return moved_by(self.place(n, f).left - self._inner.place(n, f).left)

        def right(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            return moved_by(self.place(n, f).right - self._inner.place(n, f).left)

        return (
            uncached(template.std.FrameEval(left, prop_src=self.decisions, clip_src=clip)),
            uncached(template.std.FrameEval(right, prop_src=self.decisions, clip_src=clip)),
        )
