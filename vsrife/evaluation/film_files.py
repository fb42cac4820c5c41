"""Opens video files and vector animations for `vsrife eval`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.evaluation.clips import clip_of
from vsrife.evaluation.film import Film
from vsrife.media.source import open_source, probe, to_rgb
from vsrife.media.stills.pictures import draw_animation
from vsrife.weights.folders import is_file

# Vector animations: drawn in this size on this colour. Most fade in from nothing; the first tenth
# of the timeline is left out
ANIMATION_SIDE, ANIMATION_GROUND = 480, (214, 205, 190)
ANIMATION_START, ANIMATION_FRAMES = 0.1, 61
_BT601 = 6  # of H.273


def open_film(path: Path, limit: int, factor: int = 2) -> Film:
    """The first `limit` frames (0: all) of a video file, or of an animation, drawn as above.

    factor: each factor-th frame is kept.
    """
    if not is_file(path):
        raise MediaError(f"there is no clip {path}")
    drawn = path.suffix.lower() == ".json"
    clip = _animation(path) if drawn else open_source(path, probe(path))[0]
    return Film(path.name, clip[:limit] if limit else clip, to_rgb, drawn, factor)


def _animation(path: Path) -> vs.VideoNode:
    """As 4:2:0 video, the filter's usual input."""
    pictures = draw_animation(
        path, ANIMATION_SIDE, ANIMATION_GROUND, start=ANIMATION_START, limit=ANIMATION_FRAMES
    )
    count, height, width, _ = pictures.shape
    blank = vs.core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=count, fpsnum=25, fpsden=1, keep=True
    )
    clip = clip_of(lambda n: list(np.moveaxis(pictures[n], -1, 0)), blank)
    return clip.resize.Bicubic(format=vs.YUV420P8, matrix=_BT601)
