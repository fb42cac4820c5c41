"""PSNR, SSIM and SSIMULACRA 2 of every frame of a clip, by VapourSynth's own filters and vszip.

`measures` has the same for single pictures, with PyTorch; this needs none, and is as fast as the
decoder of a film.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import vapoursynth as vs

from vsrife.errors import ArgumentError, missing_package
from vsrife.evaluation.scores.measures import BEST_PSNR, MEASURES
from vsrife.evaluation.scores.similarity import mean, means, similarity
from vsrife.video.frames import uncached

_SRGB, _BT709 = 13, 1  # of H.273: SSIMULACRA2 looks at pictures as a screen shows them
_PREFETCH = 4


def available() -> list[str]:
    """Names of the measures that can be had here: all, or without SSIMULACRA 2 where vszip is
    missing."""
    return [name for name in MEASURES if name != "ssimulacra2" or hasattr(vs.core, "vszip")]


def check_measures(names: Sequence[str]) -> None:
    """ArgumentError for an unknown measure, BackendError for one whose plugin is missing."""
    for name in names:
        if name not in MEASURES:
            raise ArgumentError(f"measures must be of {', '.join(MEASURES)}, not {name!r}")
        if name not in available():
            raise missing_package(name, "eval", "VapourSynth plugin vszip")


def measure(
    truth: vs.VideoNode, picture: vs.VideoNode, names: Sequence[str]
) -> Iterator[dict[str, float]]:
    """The measures of each frame of `picture`, more is better. truth, picture: RGBS of one size,
    at least 16 pixels each way, and one length; what is beyond 0..1 is cut off."""
    clips = [_clamped(clip) for clip in (truth, picture)]
    made = {name: _MADE[name](*clips) for name in names}
    frames = [clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)
              for clip in made.values()]  # fmt: skip
    for found in zip(*frames, strict=True):
        yield {name: _READ[name](frame.props) for name, frame in zip(made, found, strict=True)}


def _clamped(clip: vs.VideoNode) -> vs.VideoNode:
    return clip.std.Expr("x 0 max 1 min")


def _squares(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    return means(uncached(vs.core.std.Expr([truth, picture], "x y - x y - *")))


def _psnr(props: Any) -> float:
    error = mean(props)
    return BEST_PSNR if error <= 0 else min(BEST_PSNR, -10 * math.log10(error))


def _perceived(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    core: Any = vs.core
    shown = [clip.std.SetFrameProps(_Transfer=_SRGB, _Primaries=_BT709)
             for clip in (truth, picture)]  # fmt: skip
    made: vs.VideoNode = core.vszip.SSIMULACRA2(*shown)
    return made


_MADE = {"psnr": _squares, "ssim": similarity, "ssimulacra2": _perceived}
_READ: dict[str, Callable[[Any], float]] = {
    "psnr": _psnr,
    "ssim": mean,
    "ssimulacra2": lambda props: float(props["SSIMULACRA2"]),
}
