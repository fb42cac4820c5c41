"""The output clip: which frames are the source's own, which are made, what all of them carry.

A plan says which two source frames an output frame stands between. The verdict on the two says what
is shown there: one of them as it is, or a new frame. Only what is shown is asked for, so nothing
else is converted or computed.
"""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsrife.inference.base import Recent, Rhythm, Session
from vsrife.video import frames, nodes, scenes, timeline
from vsrife.video.colour import (
    Colour,
    Route,
    alphas_match,
    blended,
    dressed,
    read_planes,
    written_planes,
)
from vsrife.video.overlays import Protection
from vsrife.video.plans import Plan, Policy, SteadyPlan, verdict

# A pair of neighbours is in use at a time; the rest is for requests that come a little out of order
# and for players that step back. Two more for each stream beyond the first.
FRAMES_KEPT = 6

# Properties of new frames: between which source frames they stand, and where, 0..1; how far they
# can be trusted, 0..1
TIMESTEP, LEFT, RIGHT = "_RifeTimestep", "_RifeLeft", "_RifeRight"
CONFIDENCE = "_RifeConfidence"


def assemble(
    clip: vs.VideoNode,
    times: timeline.Times,
    plan: Plan,
    route: Route,
    session: Session,
    policy: Policy,
    protection: Protection | None = None,
    streams: int = 1,
) -> vs.VideoNode:
    """`clip` at other times. times: when output frames are shown; plan: what their pictures are
    made of; route: from the clip's format to what `session` reads, and back; protection: what of
    the source's pictures is kept in new ones; streams: new frames that are made at a time."""
    out = _pictures(clip, times, plan, route, session, policy, protection, streams)
    nearest = policy.mode == "nearest"
    if not policy.cuts or (times.jump <= 1 and not nearest):
        return out

    def at_own_time(facts: vs.VideoNode) -> vs.VideoNode:
        return SteadyPlan(times).sides(facts, nodes.pixels(times.num_frames))[0]

    return scenes.place_marks(out, clip, at_own_time, times.place, jump=times.jump, nearest=nearest)


def _pictures(
    clip: vs.VideoNode,
    times: timeline.Times,
    plan: Plan,
    route: Route,
    session: Session,
    policy: Policy,
    protection: Protection | None,
    streams: int,
) -> vs.VideoNode:
    rate = times.rate(Fraction(clip.fps))
    template = clip.std.BlankClip(
        length=times.num_frames, fpsnum=rate.numerator, fpsden=rate.denominator, keep=True
    )
    seen = _seen(plan, clip, template)
    own = _own_frames(clip, template, times, plan, seen)
    paint = _painter(plan, session, policy, clip.num_frames - 1, FRAMES_KEPT + 2 * (streams - 1))

    def place(n: int, f: list[vs.VideoFrame]) -> timeline.Place:
        return plan.place(n, f[2] if plan.decisions else None)

    simple = policy == Policy(cuts=policy.cuts, skip=policy.skip) and protection is None
    if route.direct and own == seen[:2] and simple:
        # one callback does it all
        def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            if verdict(place(n, f), f[0], f[1], policy) == "left":
                return _retimed(f[0].copy(), times, n, f)
            return _retimed(dressed(paint(n, f), f[0]), times, n, f)

        return _side_by_side(template, seen, make, times, streams)

    def shown(picture: vs.VideoNode) -> vs.VideoNode:
        def finish(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            frame = f[0].copy()
            return _retimed(dressed(frame, f[1]), times, n, f[1:])

        return frames.uncached(template.std.ModifyFrame([picture, *own], finish))

    blank = template.std.BlankClip(format=route.format, keep=True)
    inputs = _painted(plan, route.there(clip), blank, policy)
    made = frames.uncached(_side_by_side(blank, inputs, paint, times, streams))  # asked for once

    def instead(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        at = place(n, f)
        what = policy.instead(at)
        return blended(f[0], f[1], at.timestep) if what == "blend" else f[what == "right"]

    @functools.cache
    def kept(what: str) -> vs.VideoNode:
        if what == "blend":
            return shown(frames.uncached(template.std.ModifyFrame(seen, instead)))
        return shown(seen[what == "right"])

    @functools.cache
    def fresh(colour: Colour) -> vs.VideoNode:
        new = route.back(made, colour)
        if protection is not None:
            new = protection.over(new, _nearer(plan, seen, template), clip, plan.sides)
        if policy.confidence is not None:
            # not a choice between clips, which would make the new frame twice: to judge, to show
            def trust(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
                return instead(n, f[1:]) if f[0].props[CONFIDENCE] < policy.confidence else f[0]

            new = frames.uncached(template.std.ModifyFrame([new, *seen], trust))
        return shown(new)

    def choose(n: int, f: list[vs.VideoFrame]) -> vs.VideoNode:
        what = verdict(place(n, f), f[0], f[1], policy)
        return fresh(route.colour_of(f[0])) if what == "new" else kept(what)

    return template.std.FrameEval(choose, prop_src=seen)


def _side_by_side(
    template: vs.VideoNode,
    inputs: list[vs.VideoNode],
    make: frames.Make,
    times: timeline.Times,
    streams: int,
) -> vs.VideoNode:
    """`frames.side_by_side`, with new frames by turns."""

    def turn(n: int) -> int:
        # those at source positions, `left` + 1 so far, cost nothing. Where they are made anew, it
        # is every second or third, or any other rhythm, so they are scattered (Knuth's multiplier).
        at = times.place(n)
        return n - at.left - 1 if at.step else n * 2654435761 >> 16

    return frames.side_by_side(template, inputs, make, streams, turn)


def _nearer(plan: Plan, seen: list[vs.VideoNode], template: vs.VideoNode) -> vs.VideoNode:
    """The source frame at each output frame that is nearer in time, the left one of equals."""

    def choose(n: int, f: vs.VideoFrame | None = None) -> vs.VideoNode:
        return seen[1 if plan.place(n, f).timestep > 0.5 else 0]

    return frames.uncached(
        template.std.FrameEval(choose, prop_src=plan.decisions, clip_src=seen[:2])
    )


def _painted(
    plan: Plan, clip: vs.VideoNode, blank: vs.VideoNode, policy: Policy
) -> list[vs.VideoNode]:
    """What `_painter` reads: `_seen`, and where rhythm counts the frames before and after those."""
    seen = _seen(plan, clip, blank)
    if policy.drawn:
        seen.append(plan.sides(nodes.shifted(clip, -1), blank)[0])
        seen.append(plan.sides(nodes.shifted(clip, 1), blank)[1])
    return seen


def _seen(plan: Plan, clip: vs.VideoNode, template: vs.VideoNode) -> list[vs.VideoNode]:
    """The clips that pictures are judged or made from: left, right, and what the plan asks for."""
    decisions = [] if plan.decisions is None else [plan.decisions]
    return [*plan.sides(clip, template), *decisions]


def _own_frames(
    clip: vs.VideoNode,
    template: vs.VideoNode,
    times: timeline.Times,
    plan: Plan,
    seen: list[vs.VideoNode],
) -> list[vs.VideoNode]:
    """The source frames at an output frame's own time and after it, which tell its properties."""
    steady = isinstance(plan, SteadyPlan)
    left, right = seen[:2] if steady else SteadyPlan(times).sides(clip, template)
    if times.reach <= 2:
        return [left, right]
    end = clip.num_frames - 1

    def later(k: int) -> vs.VideoNode:
        return frames.reorder(clip, template, lambda n: min(times.place(n).left + k, end))

    return [left, *(later(k) for k in range(1, times.reach))]


def _painter(plan: Plan, session: Session, policy: Policy, end: int, keep: int) -> frames.Make:
    """What gives new frames, in the format that the network reads, from their neighbours in it.

    end: the last source frame; keep: how many source frames are kept prepared.
    """
    prepared = Recent[Any](keep)
    motions = Recent[Any](keep)

    # VapourSynth calls this from many threads, `streams` at a time at most
    def paint(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        left, right = f[:2]
        at = plan.place(n, f[2] if plan.decisions else None)
        with_alpha = alphas_match(left, right)

        def prepare(index: int, side: vs.VideoFrame) -> Any:
            planes = functools.partial(read_planes, side, with_alpha)
            return prepared.get((index, with_alpha), lambda: session.prepare(planes()))

        def motion(index: int, first: vs.VideoFrame, second: vs.VideoFrame) -> Any:
            pair = prepare(index, first), prepare(index + 1, second)
            return motions.get(index, lambda: session.motion(*pair))

        def rhythm() -> Rhythm | None:
            if not policy.drawn or at.right - at.left != 1:
                return None
            before, after = f[-2:]
            starts = at.left == 0 or (policy.cuts and left.props.get(scenes.PREV))
            ends = at.right == end or (policy.cuts and right.props.get(scenes.NEXT))
            return Rhythm(
                None if starts else motion(at.left - 1, before, left),
                motion(at.left, left, right),
                None if ends else motion(at.right, right, after),
            )

        sides = prepare(at.left, left), prepare(at.right, right)
        frame = vs.core.create_video_frame(left.format, left.width, left.height)
        with written_planes(frame, left if with_alpha else None) as into:
            confidence = session.interpolate(*sides, at.timestep, into, rhythm())
        if not with_alpha and frames.ALPHA in left.props:
            frame.props[frames.ALPHA] = left.props[frames.ALPHA]
        frame.props.update({TIMESTEP: at.timestep, LEFT: at.left, RIGHT: at.right})
        if confidence is not None:
            frame.props[CONFIDENCE] = confidence
        return frame

    return paint


def _retimed(
    frame: vs.VideoFrame, times: timeline.Times, n: int, own: list[vs.VideoFrame]
) -> vs.VideoFrame:
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
