"""Clips made of arrays, and of the demo's film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.media.demo_film import draw

DEMO_RATE = Fraction(12)  # frames per second that go into the demo


def clip_of(planes: Callable[[int], Sequence[NDArray[Any]]], blank: vs.VideoNode) -> vs.VideoNode:
    """`blank` with the values of `planes(n)`, each plane (height, width), in its frame n."""

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane, values in enumerate(planes(n)):
            np.asarray(frame[plane])[:] = values
        return frame

    return blank.std.ModifyFrame(blank, fill)


def clip_of_pictures(pictures: Sequence[NDArray[Any]], rate: Fraction = DEMO_RATE) -> vs.VideoNode:
    """RGB pictures (H, W, 3) in 0..1 as an RGBS clip of `rate` frames per second."""
    height, width, _ = pictures[0].shape
    blank = vs.core.std.BlankClip(
        format=vs.RGBS,
        width=width,
        height=height,
        length=len(pictures),
        fpsnum=rate.numerator,
        fpsden=rate.denominator,
        keep=True,
    )
    return clip_of(lambda n: list(np.moveaxis(pictures[n], -1, 0)), blank)


def demo_clip(seconds: Iterable[float]) -> vs.VideoNode:
    """The demo's film at these moments, as an RGBS clip."""
    return clip_of_pictures([draw(t) for t in seconds])
