"""What an output frame is made of: which source frames it stands between, what is shown there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import vapoursynth as vs

from vsrife.video import frames, scenes, timeline
from vsrife.video.duplicates import DUPLICATE


class Plan(Protocol):
    """Between which source frames, and where between them, an output frame stands."""

    @property
    def decisions(self) -> vs.VideoNode | None:
        """As long as the output; its frame n tells `place` what it needs. None if n is enough."""
        ...

    def sides(
        self, clip: vs.VideoNode, template: vs.VideoNode
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        """Left and right neighbours of each output frame, taken from `clip`.

        clip: as long as the source, of any format; template: format of `clip`, length of the
        output. Asked for the source's frames and for those that the network reads.
        """
        ...

    def place(self, n: int, decision: vs.VideoFrame | None) -> timeline.Place: ...


@dataclass(frozen=True)
class SteadyPlan:
    """Where time alone puts them."""

    times: timeline.Times
    decisions: vs.VideoNode | None = None

    def sides(
        self, clip: vs.VideoNode, template: vs.VideoNode
    ) -> tuple[vs.VideoNode, vs.VideoNode]:
        place = self.times.place
        left = frames.reorder(clip, template, lambda n: place(n).left)
        right = frames.reorder(clip, template, lambda n: place(n).right)
        return left, right

    def place(self, n: int, decision: vs.VideoFrame | None) -> timeline.Place:
        return self.times.place(n)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is shown instead of new frames, and when.

    cuts: across scene changes; skip: before duplicates; confidence: where a new frame's is less
    than this. mode: "hold" the left frame, the "nearest", or a "blend" of both. drawn: new frames
    keep the drawn rhythm.
    """

    cuts: bool
    mode: str = "hold"
    skip: bool = False
    confidence: float | None = None
    drawn: bool = False

    def instead(self, at: timeline.Place) -> str:
        """What is shown where there is to be no new frame: "left", "right" or "blend"."""
        if self.mode == "nearest":
            return "right" if at.timestep > 0.5 else "left"
        return "left" if self.mode == "hold" else self.mode


def verdict(at: timeline.Place, left: vs.VideoFrame, right: vs.VideoFrame, policy: Policy) -> str:
    """What is shown between two source frames: "left" or "right", as it is, "blend" or "new"."""
    if at.step == 0:
        return "left"
    if policy.cuts and scenes.cut_between(left, right, at.right - at.left):
        return policy.instead(at)
    if policy.skip and right.props.get(DUPLICATE):
        return "left"
    if frames.same_picture(frames.planes_and_alpha(left), frames.planes_and_alpha(right)):
        return "left"
    return "new"
