"""The output clip: marks of the source, a plan, pictures, and marks of the output."""

from __future__ import annotations

import vapoursynth as vs

from vsrife.inference.base import Session
from vsrife.video import frames, motion_blur, nodes, scenes
from vsrife.video.marking import expecting
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
    plan = Plan(times) if recipe.filling is None else FilledPlan(times, clip, recipe.filling)
    synthesis = Synthesis(plan, session, policy, clip.num_frames, recipe.streams)
    out = pictures(clip, recipe, synthesis)
    if recipe.exposure is not None:
        out = motion_blur.blurred(out, clip, recipe, recipe.exposure, synthesis)
    nearest = policy.mode == "nearest"
    if policy.cuts and (times.jump > 1 or nearest):
        cuts = scenes.cuts_around(clip, times.jump)
        cuts = plan.at_own_time(cuts, nodes.pixels(out.num_frames))
        out = scenes.place_marks(out, cuts, times, nearest=nearest)
    return out
