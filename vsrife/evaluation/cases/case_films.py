"""What cases are drawn on, and short films made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import vapoursynth as vs

from vsrife.evaluation.clips import clip_of_pictures
from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.methods.all_methods import Method

MARGIN = 96  # pixels that a picture to pan over is larger than a frame, each way
WAYS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}  # x before y
_BT601 = 6  # of H.273: as Film.kept_yuv makes YUV of RGB

Methods = Mapping[str, Method]
Found = dict[str, dict[str, float]]  # method -> key of a figure -> value; nan: nothing to measure


@dataclass(frozen=True)
class Scene:
    """size: of the pans' frames; small: of all others. photos: pictures to pan over, MARGIN larger
    than `size` each way; none: drawn ones, one for each way."""

    size: tuple[int, int] = (1280, 720)
    small: tuple[int, int] = (640, 360)
    photos: Sequence[Picture] = field(default=(), repr=False)


def film_of(name: str, pictures: Sequence[Picture], factor: int = 2) -> Film:
    """As RGBS; methods that want YUV get 16 bits of 4:4:4."""

    def to_rgb(clip: vs.VideoNode) -> vs.VideoNode:
        if clip.format.color_family == vs.RGB:
            return clip
        return clip.resize.Bicubic(format=vs.RGBS, matrix_in=_BT601)

    return Film(name, clip_of_pictures(pictures, Fraction(25)), to_rgb, drawn=True, factor=factor)


def panned(photo: Picture, size: tuple[int, int], way: tuple[int, int], far: float) -> Picture:
    """A frame of `photo` whose contents lie `far` times `way` away from where they lie in the
    middle, at most MARGIN / 2. Whole pixels: nothing is resampled."""
    room_y, room_x = photo.shape[0] - size[1], photo.shape[1] - size[0]
    left, top = room_x // 2 - round(way[0] * far), room_y // 2 - round(way[1] * far)
    return photo[top : top + size[1], left : left + size[0]]
