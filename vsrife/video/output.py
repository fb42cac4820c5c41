"""The output clip: marks of the source, a plan, pictures, and marks of the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import vapoursynth as vs

from vsrife.inference.base import AT_A_TIME, BESIDE, Session
from vsrife.inference.source_planes import Coding
from vsrife.video import frames, nodes
from vsrife.video.blur import motion_blur
from vsrife.video.coding import coding_of, unconverted
from vsrife.video.marks import scenes
from vsrife.video.marks.marking import expecting
from vsrife.video.plans import FilledPlan, Plan
from vsrife.video.recipe import Recipe
from vsrife.video.shown_frames import pictures
from vsrife.video.synthesis import Synthesis


def assemble(clip: vs.VideoNode, recipe: Recipe, session: Session) -> vs.VideoNode:
    """The output of `recipe` for `clip`, with new frames from `session`."""
    times, policy = recipe.times, recipe.policy
    if not recipe.rate:
        clip = frames.with_last_duration(clip)
    if recipe.marking is not None:
        clip = recipe.marking.marked(clip)
    if recipe.filling is not None and isinstance(recipe.filling.bad, str):
        clip = expecting(clip, (recipe.filling.bad,), "clip")
    if recipe.filling is not None and BESIDE in session.tells:
        recipe = replace(recipe, filling=replace(recipe.filling, beyond=True))
    plan = Plan(times) if recipe.filling is None else FilledPlan(times, clip, recipe.filling)
    recipe, coding = _fed(recipe, clip, session)
    synthesis = Synthesis(plan, session, policy, clip.num_frames, recipe.streams, coding)
    out = pictures(clip, recipe, synthesis)
    if recipe.exposure is not None:
        out = motion_blur.blurred(out, clip, recipe, recipe.exposure, synthesis)
    nearest = policy.mode == "nearest"
    if policy.cuts and (times.jump > 1 or nearest):
        cuts = scenes.cuts_around(clip, times.jump)
        cuts = plan.at_own_time(cuts, nodes.pixels(out.num_frames))
        out = scenes.place_marks(out, cuts, times, nearest=nearest)
    return out


def _fed(
    recipe: Recipe, clip: vs.VideoNode, session: Session
) -> tuple[Recipe, Callable[[vs.VideoFrame], Coding] | None]:
    """The recipe for a session that takes frames as the clip stores them, if it does, and what
    their samples mean. Motion blur averages frames in the network's format, and overlays are taken
    off there, so not with these."""
    if "batches" in session.tells and recipe.exposure is None:
        recipe = replace(recipe, streams=max(recipe.streams, AT_A_TIME))
    peels = recipe.protection is not None and recipe.protection.half_transparent
    if "planes" not in session.tells or recipe.exposure is not None or peels:
        return recipe, None
    route = recipe.route

    def coding(frame: vs.VideoFrame) -> Coding:
        return coding_of(frame.format, route.colour_of(frame))

    return replace(recipe, route=unconverted(route, clip)), coding
