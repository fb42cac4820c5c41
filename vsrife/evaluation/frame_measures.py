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
from vsrife.evaluation.measures import BEST_PSNR, MEASURES
from vsrife.video.frames import uncached

SMALLEST = 16  # pixels each way: the window of SSIM has 11
_SRGB, _BT709 = 13, 1  # of H.273: SSIMULACRA2 looks at pictures as a screen shows them
# Pixels on each side of a window, and the deviation of its Gaussian, as the authors of SSIM have it
_SIDE, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_SSIM = (
    f"x y * 2 * {_C1} + b x y * - 2 * {_C2} + * "
    f"x x * y y * + {_C1} + z x x * - a y y * - + {_C2} + * /"
)
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


def _means(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with the mean of each plane in properties."""
    for plane in range(3):
        clip = uncached(clip.std.PlaneStats(plane=plane, prop=f"_Mean{plane}"))
    return clip


def _mean(props: Any) -> float:
    return sum(float(props[f"_Mean{plane}Average"]) for plane in range(3)) / 3


def _squares(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    return _means(uncached(vs.core.std.Expr([truth, picture], "x y - x y - *")))


def _psnr(props: Any) -> float:
    mean = _mean(props)
    return BEST_PSNR if mean <= 0 else min(BEST_PSNR, -10 * math.log10(mean))


def _similarity(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    """SSIM of every pixel; windows are mirrored at the edges, as in `measures`."""
    truth, picture = _mirrored(truth), _mirrored(picture)
    products = [
        vs.core.std.Expr(pair, "x y *")
        for pair in ([truth, truth], [picture, picture], [truth, picture])
    ]
    blurred = [uncached(_blurred(clip)) for clip in (truth, picture, *products)]
    whole = uncached(vs.core.std.Expr(blurred, _SSIM))
    return _means(uncached(whole.std.Crop(left=_SIDE, right=_SIDE, top=_SIDE, bottom=_SIDE)))


def _mirrored(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with 5 pixels more at each edge, mirrored about the outermost pixel.

    Convolution mirrors about the edge itself, which repeats that pixel.
    """
    width, height, much = clip.width, clip.height, _SIDE + 1
    plugin: Any = clip.std  # of which the stubs do not know all
    left = plugin.Crop(left=1, right=width - much).std.FlipHorizontal()
    right = plugin.Crop(left=width - much, right=1).std.FlipHorizontal()
    wide = vs.core.std.StackHorizontal([left, clip, right])
    plugin = wide.std
    top = plugin.Crop(top=1, bottom=height - much).std.FlipVertical()
    bottom = plugin.Crop(top=height - much, bottom=1).std.FlipVertical()
    return uncached(vs.core.std.StackVertical([top, wide, bottom]))


def _blurred(clip: vs.VideoNode) -> vs.VideoNode:
    weights = [math.exp(-((k / _SIGMA) ** 2) / 2) for k in range(-_SIDE, _SIDE + 1)]
    plugin: Any = clip.std  # of which the stubs do not know this one
    made: vs.VideoNode = plugin.Convolution([w / sum(weights) for w in weights], mode="hv")
    return made


def _perceived(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    core: Any = vs.core
    shown = [clip.std.SetFrameProps(_Transfer=_SRGB, _Primaries=_BT709)
             for clip in (truth, picture)]  # fmt: skip
    made: vs.VideoNode = core.vszip.SSIMULACRA2(*shown)
    return made


_MADE = {"psnr": _squares, "ssim": _similarity, "ssimulacra2": _perceived}
_READ: dict[str, Callable[[Any], float]] = {
    "psnr": _psnr,
    "ssim": _mean,
    "ssimulacra2": lambda props: float(props["SSIMULACRA2"]),
}
