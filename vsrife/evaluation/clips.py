"""Clips made of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray


def clip_of(planes: Callable[[int], Sequence[NDArray[Any]]], blank: vs.VideoNode) -> vs.VideoNode:
    """`blank` with the values of `planes(n)`, each plane (height, width), in its frame n."""

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane, values in enumerate(planes(n)):
            np.asarray(frame[plane])[:] = values
        return frame

    return blank.std.ModifyFrame(blank, fill)
