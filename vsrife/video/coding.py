"""What the samples of a clip's frames mean, for a network that reads them as they are stored.

The same facts by which the core's resizer converts them, see `colour`.
"""

from __future__ import annotations

import copy
import functools

import vapoursynth as vs

from vsrife.inference.source_planes import AS_THEY_ARE, Coding, Row, Span, Subsampling
from vsrife.video.colour import LOCATIONS, MATRICES, RANGES, Colour, Route

# H.273: how much red and blue weigh in luma
_WEIGHTS = {
    "709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "470bg": (0.299, 0.114),
    "170m": (0.299, 0.114),
    "240m": (0.212, 0.087),
    "2020ncl": (0.2627, 0.0593),
}
_YCGCO = ((0.25, 0.5, 0.25), (-0.25, 0.5, -0.25), (0.5, 0.0, -0.5))
# Where a chroma sample lies among its luma samples: across, down, see `Subsampling`
_PLACES = {
    "left": (-1, 0),
    "center": (0, 0),
    "top_left": (-1, -1),
    "top": (0, -1),
    "bottom_left": (-1, 1),
    "bottom": (0, 1),
}


def unconverted(route: Route, clip: vs.VideoNode) -> Route:
    """`route` for a network that reads the frames of `clip` as they are."""
    found = copy.copy(route)
    found.direct, found.format = True, clip.format.id
    return found


def coding_of(kind: vs.VideoFormat, colour: Colour) -> Coding:
    """What the samples of a frame of that format and with these properties mean."""
    return _coding(kind.id, colour)


@functools.lru_cache(64)  # one for each frame would cost more than what it says
def _coding(number: int, colour: Colour) -> Coding:
    kind = vs.core.get_video_format(number)
    bits = None if kind.sample_type == vs.FLOAT else kind.bits_per_sample
    light, chroma = _spans(bits, colour)
    if kind.color_family != vs.YUV:
        return Coding(kind.num_planes, bits, light)
    places = {number: _PLACES[name] for name, number in LOCATIONS.items()}
    across, down = places[colour.chroma_location]
    return Coding(
        kind.num_planes,
        bits,
        light,
        chroma,
        _matrix(colour.matrix),
        Subsampling(1 << kind.subsampling_w, across),
        Subsampling(1 << kind.subsampling_h, down),
    )


def _spans(bits: int | None, colour: Colour) -> tuple[Span, Span]:
    """Of luma and of chroma; floating point has no ranges."""
    if bits is None:
        return AS_THEY_ARE, AS_THEY_ARE
    middle, largest, step = 1 << (bits - 1), (1 << bits) - 1, 1 << (bits - 8)
    if colour.range == RANGES["full"]:
        return Span(0, largest), Span(middle, largest)
    # H.273 has one limited range for all three planes of YCgCo
    length = 219 if colour.matrix == MATRICES["ycgco"] else 224
    return Span(16 * step, 219 * step), Span(middle, length * step)


def _matrix(number: int) -> tuple[Row, Row, Row]:
    """Rows that give luma and both differences of colour from RGB."""
    name = next(name for name, each in MATRICES.items() if each == number)
    if name == "ycgco":
        return _YCGCO
    red, blue = _WEIGHTS[name]
    green = 1 - red - blue
    to_blue, to_red = 0.5 / (1 - blue), 0.5 / (1 - red)
    return (
        (red, green, blue),
        (-red * to_blue, -green * to_blue, (1 - blue) * to_blue),
        ((1 - red) * to_red, -green * to_red, -blue * to_red),
    )
