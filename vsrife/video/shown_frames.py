"""The pictures of the output: which frames come from the source, and which are new.

A plan tells which two source frames an output frame lies between. `verdict` decides what is shown
there: one of the two unchanged, a blend, or a new frame. Only that frame is requested, so nothing
else is converted or computed.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import vapoursynth as vs

from vsrife.inference.base import BESIDE
from vsrife.video import frames, timeline
from vsrife.video.by_nodes import NodeSession, new_frames
from vsrife.video.colour import Colour, blended, with_source_props
from vsrife.video.frames import uncached
from vsrife.video.marks import scenes
from vsrife.video.marks.duplicates import DUPLICATE
from vsrife.video.overlay import layers
from vsrife.video.plans import Neighbours, Plan, Policy, Shown, verdict
from vsrife.video.recipe import Recipe
from vsrife.video.synthesis import CONFIDENCE, TIMESTEP, Synthesis, with_left_samples
from vsrife.video.timeline import Times


def pictures(clip: vs.VideoNode, recipe: Recipe, synthesis: Synthesis) -> vs.VideoNode:
    """The output clip without marks of its own, from a source that has them."""
    times, plan, policy = recipe.times, synthesis.plan, recipe.policy
    session = synthesis.session
    own_nodes = isinstance(session, NodeSession)
    template = template_of(clip, recipe)
    simple = policy.holds_only and recipe.protection is None and not own_nodes
    simple = simple and BESIDE not in session.tells
    neighbours = plan.neighbours(clip, template)
    by_time = plan.decisions is None and times.reach <= 2
    if by_time and recipe.route.direct and simple:
        return _in_one(template, neighbours, policy, synthesis, period_of(clip))
    own = [neighbours.left, neighbours.right] if by_time else own_frames(clip, template, plan)

    inputs = [each for each in neighbours if each is not None]

    def shown(picture: vs.VideoNode) -> vs.VideoNode:
        return dressed(picture, own, template, times, period_of(clip))

    def fallback(n: int, around: Neighbours[vs.VideoFrame]) -> vs.VideoFrame:
        at = plan.position(n, around.decision)
        what = policy.fallback(at)
        if what is Shown.BLEND:
            return blended(around.left, around.right, at.timestep)
        return around.right if what is Shown.RIGHT else around.left

    @functools.cache
    def kept(what: Shown) -> vs.VideoNode:
        if what is Shown.BLEND:
            blend = template.std.ModifyFrame(inputs, lambda n, f: fallback(n, neighbours.named(f)))
            return shown(uncached(blend))
        return shown(neighbours.right if what is Shown.RIGHT else neighbours.left)

    @functools.cache
    def overlays() -> vs.VideoNode | None:
        return overlays_of(clip, recipe, synthesis)

    @functools.cache  # built only if a new frame is requested
    def made() -> vs.VideoNode:
        working = recipe.route.to_working(clip)
        if isinstance(session, NodeSession):
            return new_frames(synthesis, session, working)
        found = overlays()
        if found is None:
            return synthesis.clip(working)
        return layers.put_back(synthesis.clip(working, found), found)

    if own_nodes:
        made()  # what the plugin refuses is told now

    @functools.cache
    def fresh(colour: Colour) -> vs.VideoNode:
        new = recipe.route.to_source(made(), colour)
        if not recipe.route.direct:
            new = with_left_samples(new, neighbours.left)
        if recipe.protection is not None:
            near = nearer(plan, neighbours, template)
            new = recipe.protection.over(new, near, clip, plan, overlays())
        if policy.confidence is not None:
            # ModifyFrame, not FrameEval: that would compute the new frame twice, to judge and to
            # show it
            def trust(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
                sure = f[0].props[CONFIDENCE] >= policy.confidence
                return f[0] if sure else fallback(n, neighbours.named(f[1:]))

            new = uncached(template.std.ModifyFrame([new, *inputs], trust))
        return shown(new)

    def choose(n: int, f: list[vs.VideoFrame]) -> vs.VideoNode:
        around = neighbours.named(f)
        at = plan.position(n, around.decision)
        what = verdict(at, around.left, around.right, policy)
        return fresh(recipe.route.colour_of(around.left)) if what is Shown.NEW else kept(what)

    return template.std.FrameEval(choose, prop_src=inputs)


def overlays_of(clip: vs.VideoNode, recipe: Recipe, synthesis: Synthesis) -> vs.VideoNode | None:
    """`layers.between` of the output; None where such overlays are not looked for.

    There are none where they cannot be taken off: a backend made of nodes reads the source, and
    cadence all frames around. The motion of the ground is known there, too."""
    protection = recipe.protection
    if protection is None or not protection.half_transparent:
        return None
    if isinstance(synthesis.session, NodeSession) or recipe.policy.cadence:
        return protection.found(clip, None, synthesis.plan)
    return protection.found(clip, recipe.route, synthesis.plan)


def template_of(clip: vs.VideoNode, recipe: Recipe) -> vs.VideoNode:
    """A blank clip of the output's length and rate, in the format of `clip`."""
    return clip.std.BlankClip(
        length=recipe.times.num_frames,
        fpsnum=recipe.rate.numerator,
        fpsden=recipe.rate.denominator,
        keep=True,
    )


def period_of(clip: vs.VideoNode) -> Fraction | None:
    """Seconds of a frame at the clip's rate; None: each frame has its own duration."""
    return 1 / Fraction(clip.fps) if clip.fps else None


def dressed(
    picture: vs.VideoNode,
    own: list[vs.VideoNode],
    template: vs.VideoNode,
    times: Times,
    period: Fraction | None,
) -> vs.VideoNode:
    """`picture` with the properties and durations of the output. own: see `own_frames`; period: see
    `period_of` the source."""

    def finish(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        return _retimed(with_source_props(frame, f[1]), times, n, f[1:], period)

    return uncached(template.std.ModifyFrame([picture, *own], finish))


def _in_one(
    template: vs.VideoNode,
    neighbours: Neighbours[vs.VideoNode],
    policy: Policy,
    synthesis: Synthesis,
    period: Fraction | None,
) -> vs.VideoNode:
    """The output in one callback, for a network that reads the clip's frames unconverted.

    Only time, scene changes and duplicates decide.
    """
    times, render = synthesis.plan.times, synthesis.renderer()

    def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        at, around = times.position(n), neighbours.named(f)
        if verdict(at, around.left, around.right, policy) is Shown.LEFT:
            return _retimed(around.left.copy(), times, n, f, period)
        new = with_source_props(render(at, around), around.left)
        return _retimed(new, times, n, f, period)

    return synthesis.side_by_side(template, neighbours.inputs, make)


def nearer(
    plan: Plan, neighbours: Neighbours[vs.VideoNode], template: vs.VideoNode
) -> vs.VideoNode:
    """The source frame nearer in time to each output frame; the left one at timestep 0.5."""

    def choose(n: int, f: vs.VideoFrame | None = None) -> vs.VideoNode:
        return neighbours.right if plan.position(n, f).timestep > 0.5 else neighbours.left

    sources = [neighbours.left, neighbours.right]
    return uncached(template.std.FrameEval(choose, prop_src=plan.decisions, clip_src=sources))


def own_frames(clip: vs.VideoNode, template: vs.VideoNode, plan: Plan) -> list[vs.VideoNode]:
    """The source frames from an output frame's time on; its properties come from these."""
    times, end = plan.times, clip.num_frames - 1
    own = plan.by_time(clip, template)
    if times.reach <= 2:
        return [own.left, own.right]

    def later(k: int) -> vs.VideoNode:
        return frames.reorder(clip, template, lambda n: min(times.position(n).left + k, end))

    return [own.left, *(later(k) for k in range(1, times.reach))]


def _retimed(
    frame: vs.VideoFrame,
    times: Times,
    n: int,
    own: list[vs.VideoFrame],
    period: Fraction | None,
) -> vs.VideoFrame:
    """`frame`, with properties of source frame `own[0]`, with those of output frame n.

    own: source frames from that one on, whose durations are needed; period: of those that have
    none, as far as only their time is concerned.
    """
    props, at = frame.props, times.position(n)
    alone = at.step == 0 and times.reach <= 2  # the next duration is not needed
    durations = [frames.duration_of(source) for source in (own[:1] if alone else own)]
    first = durations[0]
    if first is not None or not times.reach:
        known = [each or first or Fraction(0) for each in durations]
        length = times.duration(n, known)
        props["_DurationNum"], props["_DurationDen"] = timeline.as_duration(length)
        if isinstance(props.get("_AbsoluteTime"), float):
            props["_AbsoluteTime"] += float(times.elapsed(n, known))
    elif period is not None and isinstance(props.get("_AbsoluteTime"), float):
        props["_AbsoluteTime"] += float(times.elapsed(n, [period] * len(own)))
    # a new frame repeats none, and a source frame that is shown again does
    if DUPLICATE in props and (TIMESTEP in props or not at.first):
        props[DUPLICATE] = int(TIMESTEP not in props)
    # one frame on each side of a scene change has the mark, not all new frames between the two
    if not at.last and props.get(scenes.NEXT):
        props[scenes.NEXT] = 0
    if not at.first and props.get(scenes.PREV):
        props[scenes.PREV] = 0
    return frame
