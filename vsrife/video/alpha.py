"""Alpha, straight and premultiplied, of clips in floating point."""

from __future__ import annotations

from typing import Any

import vapoursynth as vs

from vsrife.video.frames import ALPHA, uncached


def premultiplied(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` (RGBS or GRAYS with straight alpha in `_Alpha`) with samples multiplied by alpha.

    Colours of transparent pixels are arbitrary, and must not be moved into visible ones.
    """
    return _with_alpha_in(clip, "x y *")


def straight(clip: vs.VideoNode) -> vs.VideoNode:
    """The inverse of `premultiplied`; black where alpha is 0."""
    return _with_alpha_in(clip, "y 0 > x y / 0 ?")


def _with_alpha_in(clip: vs.VideoNode, formula: str) -> vs.VideoNode:
    """Each plane by a formula of std.Expr, in which y is alpha."""
    node: Any = clip  # the stubs of vapoursynth lack these filters
    alpha = uncached(node.std.PropToClip(prop=ALPHA))
    if clip.format.color_family == vs.RGB:  # Expr takes clips of one format
        alpha = uncached(alpha.std.ShufflePlanes(planes=[0, 0, 0], colorfamily=vs.RGB))
    core: Any = vs.core
    made: vs.VideoNode = core.std.Expr([clip, alpha], formula)
    return made
