"""New frames from a backend that is made of filters: its nodes, instead of calls of a session."""

from __future__ import annotations

import functools
from typing import Any, Protocol, runtime_checkable

import numpy as np
import vapoursynth as vs

from vsrife.video import frames
from vsrife.video.colour import alphas_match
from vsrife.video.frames import ALPHA, uncached
from vsrife.video.synthesis import CONFIDENCE, LEFT, RIGHT, TIMESTEP, Synthesis

_TIMES_KEPT = 16


@runtime_checkable
class NodeSession(Protocol):
    """A session that makes nodes, see `inference.backends.mlrt.MlrtSession`."""

    def featured(self, clip: vs.VideoNode) -> vs.VideoNode: ...

    def between(self, left: vs.VideoNode, right: vs.VideoNode, timestep: vs.VideoNode) -> Any: ...


def new_frames(synthesis: Synthesis, session: NodeSession, source: vs.VideoNode) -> vs.VideoNode:
    """New frames, as of `Synthesis.clip`; alpha fades.

    source: in the network's format, GRAYS, RGBS or RGBH.
    """
    plan = synthesis.plan
    length = plan.times.num_frames
    featured = session.featured(_rgb(source))
    found = plan.neighbours(featured, featured.std.BlankClip(length=length, keep=True))
    times = _timesteps(synthesis, featured)
    new = session.between(found.left, found.right, times)
    blank = source.std.BlankClip(length=length, keep=True)
    inputs = [_like(new.picture, source), new.confidence, *found.inputs]

    def finish(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        around = found.named(f[2:])
        at = plan.position(n, around.decision)
        frame.props.clear()
        if alphas_match(around.left, around.right):
            pair = around.left.props[ALPHA], around.right.props[ALPHA]
            frame.props[ALPHA] = frames.blended(*pair, at.timestep)
        elif ALPHA in around.left.props:
            frame.props[ALPHA] = around.left.props[ALPHA]
        frame.props.update({TIMESTEP: at.timestep, LEFT: at.left, RIGHT: at.right})
        frame.props[CONFIDENCE] = float(np.asarray(f[1][0])[0, 0])
        return frame

    return uncached(blank.std.ModifyFrame(inputs, finish))  # requested once


def _timesteps(synthesis: Synthesis, like: vs.VideoNode) -> vs.VideoNode:
    """The timestep of each output frame, in all samples of a GRAYS frame of the size of `like`."""
    plan = synthesis.plan
    template = like.std.BlankClip(format=vs.GRAYS, length=plan.times.num_frames)

    @functools.lru_cache(_TIMES_KEPT)
    def of(timestep: float) -> vs.VideoNode:
        return template.std.BlankClip(color=timestep)

    def choose(n: int, f: vs.VideoFrame | None = None) -> vs.VideoNode:
        return of(float(plan.position(n, f).timestep))

    return uncached(template.std.FrameEval(choose, prop_src=plan.decisions))


def _rgb(clip: vs.VideoNode) -> vs.VideoNode:
    if clip.format.color_family == vs.GRAY:
        wide = clip.resize.Point(format=vs.GRAYS)
        return vs.core.std.ShufflePlanes([wide, wide, wide], [0, 0, 0], vs.RGB)
    return clip if clip.format.id == vs.RGBS else clip.resize.Point(format=vs.RGBS)


def _like(picture: vs.VideoNode, source: vs.VideoNode) -> vs.VideoNode:
    if source.format.color_family == vs.GRAY:
        picture = picture.std.ShufflePlanes(2, vs.GRAY)
    if picture.format.id == source.format.id:
        return picture
    return picture.resize.Point(format=source.format.id)
