"""Motion blur: each output frame is an average of pictures during its exposure."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import vapoursynth as vs

from vsrife.video import frames, nodes
from vsrife.video.blur import light
from vsrife.video.blur.exposure import Chosen, Exposure
from vsrife.video.colour import SHUTTER, Colour, Route
from vsrife.video.frames import ALPHA, uncached
from vsrife.video.marks import scenes
from vsrife.video.marks.duplicates import DUPLICATE
from vsrife.video.plans import FilledPlan, Neighbours, Plan, Policy
from vsrife.video.recipe import Recipe
from vsrife.video.shown_frames import (
    dressed,
    nearer,
    overlays_of,
    own_frames,
    period_of,
    pictures,
    template_of,
)
from vsrife.video.synthesis import LEFT, RIGHT, TIMESTEP, Synthesis

_CUTS = "_vsrifeCuts"
# Source frames that can be in an exposure of up to one source frame, from the left one on
_AROUND = (0, -1, 1, 2)


def blurred(
    sharp: vs.VideoNode,
    clip: vs.VideoNode,
    recipe: Recipe,
    exposure: Exposure,
    synthesis: Synthesis,
) -> vs.VideoNode:
    """The output with motion blur. sharp: without it; clip: the source, with its marks.

    Frames of a scene of one frame, and those during which nothing changes, are those of `sharp`.
    """
    plan, template = synthesis.plan, template_of(clip, recipe)
    samples = _samples(clip, exposure, recipe, synthesis)
    own = own_frames(clip, template, plan)
    around = plan.neighbours(clip, template)
    choice = _Choice(exposure, recipe.policy, recipe.filling is not None)

    @functools.cache
    def fresh(begin: int, end: int, look: _Look, by: int) -> vs.VideoNode:
        average = light.averaged_with_alpha if look.alpha else light.averaged
        mean = average(samples[begin:end], look.transfer)
        told = _told(nodes.shifted(uncached(mean), by), around, plan, exposure.shutter)
        if told.format.id != recipe.route.format:
            told = uncached(told.resize.Point(format=recipe.route.format))  # to half precision
        new = recipe.route.to_source(told, look.colour)
        if recipe.protection is not None:
            near, over = nearer(plan, around, template), overlays_of(clip, recipe, synthesis)
            new = recipe.protection.over(new, near, clip, plan, over)
        return dressed(new, own, template, recipe.times, period_of(clip))

    def choose(n: int, f: vs.VideoFrame | list[vs.VideoFrame]) -> vs.VideoNode:
        read = f if isinstance(f, list) else [f]
        found = choice.samples(n, read)
        if found is None:
            return sharp
        colour, transfer = recipe.route.colour_of(read[0]), light.transfer_of(read[0])
        return fresh(*found[1:], _Look(colour, transfer, ALPHA in read[0].props), found.frame - n)

    return template.std.FrameEval(choose, prop_src=choice.inputs(clip, template, plan))


class _Look(NamedTuple):
    """Properties of a source frame by which its samples are averaged and converted."""

    colour: Colour
    transfer: int
    alpha: bool


def _samples(
    clip: vs.VideoNode, exposure: Exposure, recipe: Recipe, synthesis: Synthesis
) -> list[vs.VideoNode]:
    """Sample k of each output frame, for each k, in the network's format.

    clip: the source, with its marks. All come from one output clip with more frames, so scene
    changes, duplicates and bad frames are what they are without blur.
    """
    working = clip
    if not recipe.route.direct:
        marks = [scenes.PREV, scenes.NEXT, DUPLICATE]
        working = uncached(recipe.route.to_working(clip).std.CopyFrameProps(clip, props=marks))
    plan = Plan(exposure) if recipe.filling is None else FilledPlan(exposure, clip, recipe.filling)
    finer = dataclasses.replace(
        recipe, times=exposure, rate=Fraction(0), route=Route(working),
        protection=None if recipe.protection is None else recipe.protection.of_samples(),
    )  # fmt: skip
    made = pictures(working, finer, dataclasses.replace(synthesis, plan=plan))
    count = exposure.samples
    return [uncached(made.std.SelectEvery(count, [k])) for k in range(count)]


@dataclass(frozen=True)
class _Choice:
    """Which samples an output frame consists of. Not a part of a plan, see `plans._Decider`."""

    exposure: Exposure
    policy: Policy
    filled: bool

    def inputs(self, clip: vs.VideoNode, template: vs.VideoNode, plan: Plan) -> list[vs.VideoNode]:
        """The clips whose frames `samples` reads: the source frames around, and scene changes."""
        times = self.exposure.times

        def beside(by: int) -> vs.VideoNode:
            return frames.reorder(
                clip, template, lambda n: min(max(times.left(n) + by, 0), times.end)
            )

        found = [beside(by) for by in ((0,) if self.filled else _AROUND)]
        if self.policy.cuts:
            cuts = scenes.cuts_around(clip, times.jump)
            found.append(plan.at_own_time(cuts, nodes.pixels(template.num_frames)))
        return found

    def samples(self, n: int, f: list[vs.VideoFrame]) -> Chosen | None:
        """The samples of output frame n; None if it stays as it is. f: frames of `inputs`."""
        around = nodes.values(f[-1], _CUTS) if self.policy.cuts else ()
        begin = self.exposure.times.left(n) - len(around) // 2

        def cut(k: int) -> bool:
            return begin <= k < begin + len(around) and bool(around[k - begin])

        found = self.exposure.chosen(n, cut, self.policy.mode)
        return None if found is None or self._static(n, found, f) else found

    def _static(self, n: int, found: Chosen, f: list[vs.VideoFrame]) -> bool:
        """Whether nothing changes from the first of these samples to the last."""
        if self.filled:
            return False
        first = found.frame * self.exposure.samples
        begin = self.exposure.position(first + found.begin).left
        end = self.exposure.position(first + found.end - 1).right
        near = {self.exposure.times.left(n) + by: f[k] for k, by in enumerate(_AROUND)}
        if not {begin, end} <= near.keys():
            return False
        planes = [frames.planes_and_alpha(near[k]) for k in range(begin, end + 1)]
        return all(frames.same_picture(planes[0], each) for each in planes[1:])


def _told(
    new: vs.VideoNode, around: Neighbours[vs.VideoNode], plan: Plan, shutter: Fraction
) -> vs.VideoNode:
    """`new` with its own place among the source frames, and nothing of its first sample's but
    alpha: the resizer reads properties."""

    def tell(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[1].copy()
        alpha = frame.props.get(ALPHA)
        at = plan.position(n, f[2] if len(f) > 2 else None)
        frame.props.clear()
        if alpha is not None:
            frame.props[ALPHA] = alpha
        if at.step:
            frame.props.update({TIMESTEP: at.timestep, LEFT: at.left, RIGHT: at.right})
        frame.props[SHUTTER] = float(shutter)
        return frame

    inputs = [nodes.pixels(new.num_frames), new]  # of one input, f would not be a list
    if around.decision is not None:
        inputs.append(around.decision)
    return uncached(new.std.ModifyFrame(inputs, tell))
