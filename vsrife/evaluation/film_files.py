"""Opening what `vsrife eval` measures on: video files and vector animations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.evaluation.film import Film
from vsrife.media.pictures import Pictures, draw_animation
from vsrife.media.source import open_source, probe, to_rgb

# Vector animations: drawn this large over this colour, from a tenth of the timeline on, which
# leaves out most fades from nothing
ANIMATION_SIDE, ANIMATION_GROUND = 480, (214, 205, 190)
ANIMATION_START, ANIMATION_FRAMES = 0.1, 61
_BT601 = 6  # of H.273


def open_film(path: Path, limit: int) -> Film:
    """The first `limit` frames (0: all) of a video file; an animation's as said above."""
    if not path.is_file():
        raise MediaError(f"there is no clip {path}")
    drawn = path.suffix.lower() == ".json"
    clip = _animation(path) if drawn else open_source(path, probe(path))[0]
    return Film(path.name, clip[:limit] if limit else clip, to_rgb, drawn)


def _animation(path: Path) -> vs.VideoNode:
    """As 4:2:0 video, which is what the filter gets."""
    pictures = draw_animation(
        path, ANIMATION_SIDE, ANIMATION_GROUND, start=ANIMATION_START, limit=ANIMATION_FRAMES
    )
    return _clip_of(pictures).resize.Bicubic(format=vs.YUV420P8, matrix=_BT601)


def _clip_of(pictures: Pictures) -> vs.VideoNode:
    count, height, width, _ = pictures.shape
    blank = vs.core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=count, fpsnum=25, fpsden=1, keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.asarray(frame[plane])[:] = pictures[n, ..., plane]
        return frame

    return blank.std.ModifyFrame(blank, fill)
