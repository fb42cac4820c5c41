"""Clips that move, in any format, for writing them into files."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import vapoursynth as vs

from vsrife.media.timestamps import Times, constant_times

FILM = Fraction(24000, 1001)


def moving(
    format_id: int = vs.RGB24,
    length: int = 8,
    *,
    alpha: bool = False,
    size: tuple[int, int] = (64, 48),
    **props: object,
) -> vs.VideoNode:
    """A block over a ramp with noise, one step to the right in each frame."""
    width, height = size
    base = vs.core.std.BlankClip(format=vs.RGB48, width=width, height=height, length=length)
    noise = np.random.default_rng(0).integers(0, 4096, (3, height, width))

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        for plane in range(3):
            rows = np.asarray(made[plane])
            rows[:] = np.linspace(0, 50_000, width)[None] + noise[plane]
            rows[height // 4 : height // 2, 3 * n : 3 * n + 12] = (60_000, 20_000, 5_000)[plane]
        return made

    clip = base.std.ModifyFrame(base, draw)
    family = vs.core.get_video_format(format_id).color_family
    matrix = {} if family == vs.RGB else {"matrix": 1}
    clip = clip.resize.Bicubic(format=format_id, **matrix)
    if alpha:
        clip = clip.std.ClipToProp(_alpha(clip), prop="_Alpha")
    return clip.std.SetFrameProps(**props) if props else clip


def _alpha(clip: vs.VideoNode) -> vs.VideoNode:
    """0 at the top, 255 at the bottom, a ramp that moves between, of 8 bits."""
    grey = vs.core.std.BlankClip(clip, format=vs.GRAY8)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        rows = np.asarray(made[0])
        rows[:] = 255
        rows[: clip.height // 4] = 0
        rows[clip.height // 4 : clip.height // 2] = (np.arange(clip.width) * 4 + n) % 256
        return made

    return grey.std.ModifyFrame(grey, draw)


def film_times(length: int, rate: Fraction = FILM) -> Times:
    return constant_times(rate, length)
