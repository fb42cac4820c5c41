"""Ways to make frames without a network: held, blended, and by filters of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import BackendError, missing_package
from vsrife.evaluation.film import Film, Picture

_RATE = 25  # frames per second that filters are told; only its ratio to the new rate counts
_NO_SCENES = "scene:{mode:0,limits:{m1:99999,m2:99999,scene:999999,zero:0,blocks:100}}"


def hold(film: Film) -> Iterator[Picture]:
    for left in film.pictures(film.kept[: film.pairs]):
        for _ in range(1, film.factor):
            yield left


def blend(film: Film) -> Iterator[Picture]:
    for left, right in pairwise(film.pictures(film.kept)):
        for step in range(1, film.factor):
            share = np.float32(step / film.factor)
            yield left + share * (right - left)


def mvtools(film: Film) -> Iterator[Picture]:
    """FlowFPS with common settings: blocks of 16, half overlapping, half-pixel steps."""
    _need("mv", "mvtools")

    def double(clip: vs.VideoNode) -> vs.VideoNode:
        pyramid = clip.mv.Super(pel=2)
        backward, forward = (
            pyramid.mv.Analyse(isb=isb, blksize=16, overlap=8) for isb in (True, False)
        )
        rate = _RATE * film.factor
        return clip.mv.FlowFPS(pyramid, backward, forward, num=rate, den=1, mask=2)

    return _filtered(film, "mvtools", film.kept_yuv, double)


def mvutensils(film: Film) -> Iterator[Picture]:
    """FlowFPS of MVTools' successor: blocks of 8, half overlapping, half-pixel steps."""
    _need("mvu", "mvutensils")
    mvu: Any = vs.core
    mvu = mvu.mvu

    def double(clip: vs.VideoNode) -> vs.VideoNode:
        pyramid = mvu.Super(clip, blksize=8, overlap=4, pel=2)
        vectors = mvu.AnalyseMany(pyramid, radius=1)
        made: vs.VideoNode = mvu.FlowFPS(clip, pyramid, vectors, num=_RATE * film.factor, den=1)
        return made

    return _filtered(film, "mvutensils", film.kept_yuv, double)


def svpflow(film: Film) -> Iterator[Picture]:
    """SmoothFps of open-svpflow on the CPU, with defaults, but without its scene detection, which
    takes a fast pan for a cut; 8 bits, 4:2:0."""
    _need("svp1", "svpflow")
    _need("svp2", "svpflow")
    core: Any = vs.core

    def double(clip: vs.VideoNode) -> vs.VideoNode:
        even = _even(clip)
        pyramid = core.svp1.Super(even, "{gpu:0}")
        vectors = core.svp1.Analyse(pyramid["clip"], pyramid["data"], even, "{}")
        rate = f"{{rate:{{num:{film.factor},den:1}},{_NO_SCENES}}}"
        made: vs.VideoNode = core.svp2.SmoothFps(
            even, pyramid["clip"], pyramid["data"], vectors["clip"], vectors["data"], rate
        )
        if (made.width, made.height) == (clip.width, clip.height):
            return made
        whole = made.resize.Bicubic(format=vs.YUV444P8)
        return whole.std.Crop(right=made.width - clip.width, bottom=made.height - clip.height)

    return _filtered(film, "svpflow", film.kept_yuv, double)


def _even(clip: vs.VideoNode) -> vs.VideoNode:
    """As YUV420P8: open-svpflow 0.1.1 makes garbage of 4:4:4. Odd sides get a black line more."""
    right, bottom = clip.width % 2, clip.height % 2
    if right or bottom:
        plain: Any = clip.resize.Bicubic(format=vs.YUV444P8)
        clip = plain.std.AddBorders(right=right, bottom=bottom, color=[16, 128, 128])
    return clip.resize.Bicubic(format=vs.YUV420P8)


def _need(namespace: str, name: str) -> None:
    if not hasattr(vs.core, namespace):
        raise missing_package(name, "eval", "its VapourSynth plugin")


def _filtered(
    film: Film, name: str, clip: vs.VideoNode, double: Callable[[vs.VideoNode], vs.VideoNode]
) -> Iterator[Picture]:
    try:
        made = double(clip.std.AssumeFPS(fpsnum=_RATE, fpsden=1))
    except vs.Error as error:
        raise BackendError(
            f"{name} cannot take {film.name}, {clip.width}x{clip.height}: {error}; "
            "leave it out of --against"
        ) from error
    return film.pictures(film.between(made))
