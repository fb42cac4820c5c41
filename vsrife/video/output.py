"""The output clip: which frames are the source's own, which are made, what all of them carry.

A plan says which two source frames an output frame stands between. The verdict on the two says what
is shown there: one of them as it is, or a new frame. Only what is shown is asked for, so nothing
else is converted or computed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import vapoursynth as vs

from vsrife.inference.base import Session
from vsrife.video import frames, nodes, scenes, timeline
from vsrife.video.colour import Colour, Route, blended, dressed
from vsrife.video.frames import uncached
from vsrife.video.marking import Marking
from vsrife.video.overlays import Protection
from vsrife.video.plans import FilledPlan, Filling, Neighbours, Plan, Policy, Shown, verdict
from vsrife.video.synthesis import CONFIDENCE, Drawing
from vsrife.video.timeline import Times


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what an output shows, but for the network.

    times: when output frames are shown; rate: how many in a second, 0 where their durations vary;
    route: from the clip's format to what the network reads, and back; protection: what of the
    source's pictures is kept in new ones; streams: new frames that are made at a time; needs:
    arguments as they were given, and what a session must tell for each.
    """

    times: Times
    rate: Fraction
    route: Route
    policy: Policy
    marking: Marking | None = None
    filling: Filling | None = None
    protection: Protection | None = None
    streams: int = 1
    needs: Mapping[str, str] = field(default_factory=dict)


def assemble(clip: vs.VideoNode, recipe: Recipe, session: Session) -> vs.VideoNode:
    """`clip` at other times, with new frames of `session`."""
    times, policy = recipe.times, recipe.policy
    if recipe.marking is not None:
        clip = recipe.marking.marked(clip)
    plan = Plan(times) if recipe.filling is None else FilledPlan(times, clip, recipe.filling)
    drawing = Drawing(plan, session, policy, clip.num_frames, recipe.streams)
    out = _pictures(clip, recipe, drawing)
    nearest = policy.mode == "nearest"
    if policy.cuts and (times.jump > 1 or nearest):
        cuts = scenes.cuts_around(clip, times.jump)
        cuts = plan.at_own_time(cuts, nodes.pixels(out.num_frames))
        out = scenes.place_marks(out, cuts, times, nearest=nearest)
    return out


def _pictures(clip: vs.VideoNode, recipe: Recipe, drawing: Drawing) -> vs.VideoNode:
    times, plan, policy = recipe.times, drawing.plan, recipe.policy
    template = clip.std.BlankClip(
        length=times.num_frames,
        fpsnum=recipe.rate.numerator,
        fpsden=recipe.rate.denominator,
        keep=True,
    )
    neighbours = plan.neighbours(clip, template)
    by_time = plan.decisions is None and times.reach <= 2
    if by_time and recipe.route.direct and policy.holds_only and recipe.protection is None:
        return _in_one(template, neighbours, policy, drawing)
    own = [neighbours.left, neighbours.right] if by_time else _own_frames(clip, template, plan)

    def shown(picture: vs.VideoNode) -> vs.VideoNode:
        def finish(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            frame = f[0].copy()
            return _retimed(dressed(frame, f[1]), times, n, f[1:])

        return uncached(template.std.ModifyFrame([picture, *own], finish))

    def instead(n: int, around: Neighbours[vs.VideoFrame]) -> vs.VideoFrame:
        at = plan.place(n, around.decision)
        what = policy.instead(at)
        if what is Shown.BLEND:
            return blended(around.left, around.right, at.timestep)
        return around.right if what is Shown.RIGHT else around.left

    @functools.cache
    def kept(what: Shown) -> vs.VideoNode:
        if what is Shown.BLEND:
            blend = template.std.ModifyFrame(
                neighbours.given, lambda n, f: instead(n, neighbours.named(f))
            )
            return shown(uncached(blend))
        return shown(neighbours.right if what is Shown.RIGHT else neighbours.left)

    @functools.cache  # only where there is anything new
    def made() -> vs.VideoNode:
        return drawing.clip(recipe.route.to_working(clip))

    @functools.cache
    def fresh(colour: Colour) -> vs.VideoNode:
        new = recipe.route.to_source(made(), colour)
        if recipe.protection is not None:
            near = _nearer(plan, neighbours, template)
            new = recipe.protection.over(new, near, clip, plan)
        if policy.confidence is not None:
            # not a choice between clips, which would make the new frame twice: to judge, to show
            def trust(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
                sure = f[0].props[CONFIDENCE] >= policy.confidence
                return f[0] if sure else instead(n, neighbours.named(f[1:]))

            new = uncached(template.std.ModifyFrame([new, *neighbours.given], trust))
        return shown(new)

    def choose(n: int, f: list[vs.VideoFrame]) -> vs.VideoNode:
        around = neighbours.named(f)
        at = plan.place(n, around.decision)
        what = verdict(at, around.left, around.right, policy)
        return fresh(recipe.route.colour_of(around.left)) if what is Shown.NEW else kept(what)

    return template.std.FrameEval(choose, prop_src=neighbours.given)


def _in_one(
    template: vs.VideoNode, neighbours: Neighbours[vs.VideoNode], policy: Policy, drawing: Drawing
) -> vs.VideoNode:
    """All of it in one callback, where the network reads the clip's frames as they are and nothing
    but time decides."""
    times, draw = drawing.plan.times, drawing.painter()

    def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        at, around = times.place(n), neighbours.named(f)
        if verdict(at, around.left, around.right, policy) is Shown.LEFT:
            return _retimed(around.left.copy(), times, n, f)
        return _retimed(dressed(draw(at, around), around.left), times, n, f)

    return drawing.side_by_side(template, neighbours.given, make)


def _nearer(
    plan: Plan, neighbours: Neighbours[vs.VideoNode], template: vs.VideoNode
) -> vs.VideoNode:
    """The source frame at each output frame that is nearer in time, the left one of equals."""

    def choose(n: int, f: vs.VideoFrame | None = None) -> vs.VideoNode:
        return neighbours.right if plan.place(n, f).timestep > 0.5 else neighbours.left

    sources = [neighbours.left, neighbours.right]
    return uncached(template.std.FrameEval(choose, prop_src=plan.decisions, clip_src=sources))


def _own_frames(clip: vs.VideoNode, template: vs.VideoNode, plan: Plan) -> list[vs.VideoNode]:
    """The source frames at an output frame's own time and after it, which tell its properties."""
    times, end = plan.times, clip.num_frames - 1
    own = plan.by_time(clip, template)
    if times.reach <= 2:
        return [own.left, own.right]

    def later(k: int) -> vs.VideoNode:
        return frames.reorder(clip, template, lambda n: min(times.place(n).left + k, end))

    return [own.left, *(later(k) for k in range(1, times.reach))]


def _retimed(frame: vs.VideoFrame, times: Times, n: int, own: list[vs.VideoFrame]) -> vs.VideoFrame:
    """`frame` with properties of source frame `own[0]` turned into those of output frame n."""
    props, at = frame.props, times.place(n)
    alone = at.step == 0 and times.reach <= 2  # no time of the next frame in this one
    durations = [frames.duration_of(source) for source in (own[:1] if alone else own)]
    first = durations[0]
    if first is not None or not times.reach:
        known = [each or first or Fraction(0) for each in durations]
        length = times.duration(n, known)
        props["_DurationNum"], props["_DurationDen"] = timeline.as_duration(length)
        if isinstance(props.get("_AbsoluteTime"), float):
            props["_AbsoluteTime"] += float(times.elapsed(n, known))
    # a cut has one frame on either side, however many there are between two source frames
    if not at.last and props.get(scenes.NEXT):
        props[scenes.NEXT] = 0
    if not at.first and props.get(scenes.PREV):
        props[scenes.PREV] = 0
    return frame
