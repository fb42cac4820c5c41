"""SSIM by VapourSynth's own filters: as fast as a decoder, and without PyTorch."""

from __future__ import annotations

import math
from typing import Any

import vapoursynth as vs

from vsrife.video.frames import uncached

SMALLEST = 16  # pixels each way: the window has 11
# Pixels on each side of a window, and the deviation of its Gaussian, as the authors of SSIM have it
_SIDE, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_SSIM = (
    f"x y * 2 * {_C1} + b x y * - 2 * {_C2} + * "
    f"x x * y y * + {_C1} + z x x * - a y y * - + {_C2} + * /"
)


def means(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with the mean of each plane in properties."""
    for plane in range(3):
        clip = uncached(clip.std.PlaneStats(plane=plane, prop=f"_Mean{plane}"))
    return clip


def mean(props: Any) -> float:
    """The mean that `means` has put into the properties of a frame, over the three planes."""
    return sum(float(props[f"_Mean{plane}Average"]) for plane in range(3)) / 3


def similarity(truth: vs.VideoNode, picture: vs.VideoNode) -> vs.VideoNode:
    """The SSIM of two clips, RGBS in 0..1, as the `mean` of each frame.

    Windows are mirrored at the edges, as torchmetrics does. At least 16 pixels each way.
    """
    truth, picture = _mirrored(truth), _mirrored(picture)
    products = [
        vs.core.std.Expr(pair, "x y *")
        for pair in ([truth, truth], [picture, picture], [truth, picture])
    ]
    blurred = [uncached(_blurred(clip)) for clip in (truth, picture, *products)]
    whole = uncached(vs.core.std.Expr(blurred, _SSIM))
    return means(uncached(whole.std.Crop(left=_SIDE, right=_SIDE, top=_SIDE, bottom=_SIDE)))


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
