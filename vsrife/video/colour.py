"""Conversion from a clip's format to the network's, and back.

The network reads RGB, or a grey plane three times. The core's resizer converts YUV and integers in
floating point, by the properties of each frame. Only the matrix is undone: samples keep their
transfer function, PQ and HLG included.
"""

from __future__ import annotations

from typing import NamedTuple

import vapoursynth as vs

from vsrife.checks import Coded
from vsrife.errors import ArgumentError
from vsrife.video import frames
from vsrife.video.frames import ALPHA, alpha_of, uncached
from vsrife.video.marks import scenes

# The resizer's names for matrices (numbers of H.273) that it can undo without further properties
MATRICES = {"709": 1, "fcc": 4, "470bg": 5, "170m": 6, "240m": 7, "ycgco": 8, "2020ncl": 9}
RANGES = {"limited": int(vs.RANGE_LIMITED), "full": int(vs.RANGE_FULL)}
LOCATIONS = {"left": 0, "center": 1, "top_left": 2, "top": 3, "bottom_left": 4, "bottom": 5}
MATRIX, RANGE, LOCATION = Coded(MATRICES), Coded(RANGES), Coded(LOCATIONS)

_KEPT = 8  # cached converted frames, in addition to one for each thread

_WIDE = 9  # BT.2020, as a matrix and as primaries
_WIDE_MATRICES = (10, 14)  # constant luminance and ICtCp, computed from linear light
_WIDE_TRANSFERS = (14, 15, 16, 18)  # BT.2020 (10 and 12 bits), PQ, HLG
_LIMITED_GREY = (vs.YUV, vs.GRAY)

# Properties that are read from converted frames. All others are removed before the resizer: one of
# them can make it refuse a frame, or resize its fields separately.
_READ = (ALPHA, scenes.PREV, scenes.NEXT)
SHUTTER = "_RifeShutter"  # degrees, on frames with motion blur
# Properties of a frame's own picture; all others come from the source frame at its time
_PICTURE = (
    ALPHA, "_RifeTimestep", "_RifeLeft", "_RifeRight", "_RifeConfidence", "_RifeRegion", SHUTTER,
)  # fmt: skip


def default_matrix(height: int) -> int:
    """The matrix of YUV without `_Matrix`, by its height in lines, as players choose it."""
    return MATRICES["709" if height >= 720 else "170m"]


class Colour(NamedTuple):
    """Colour properties of a frame: numbers of H.273, as in frame properties."""

    matrix: int
    range: int
    chroma_location: int


def check_format(clip_format: vs.VideoFormat) -> None:
    """ArgumentError for a format that cannot be converted to RGB and back."""
    integer = clip_format.sample_type == vs.INTEGER
    name = clip_format.name
    if integer and clip_format.bits_per_sample > 16:
        raise ArgumentError(
            f"{name} has more bits than the network could keep; give it 16 bits, or 32 as floating "
            "point, with clip.resize"
        )
    if max(clip_format.subsampling_w, clip_format.subsampling_h) > 2:
        raise ArgumentError(
            f"{name} has chroma planes of less than a quarter; give it YUV444 with clip.resize"
        )


class Route:
    """Conversion from a clip's format to the network's, and back.

    direct: the network reads the clip's frames unconverted. format: id of the network's format.
    clamp: new frames are clamped to 0..1. Only for RGB of floating point, as vs-rife does:
    elsewhere values outside are common (limited range has room for them) and must survive.
    """

    def __init__(
        self,
        clip: vs.VideoNode,
        *,
        matrix: int | None = None,
        color_range: int | None = None,
        chroma_location: int | None = None,
    ) -> None:
        """matrix, color_range, chroma_location: for frames without the property; None: by size and
        colour family.

        ArgumentError for a format that cannot be converted, or for an argument that does not apply
        to it.
        """
        check_format(clip.format)
        if clip.format.color_family != vs.YUV:
            for name, value in (("matrix", matrix), ("chroma_location", chroma_location)):
                if value is not None:
                    raise ArgumentError(
                        f"{name}={value} is for YUV clips, and this one is {clip.format.name}; "
                        "leave it out"
                    )
        self._format, self._height = clip.format, clip.height
        self._default_matrix, self._default_range = matrix, color_range
        self._default_location = chroma_location or 0
        floating = clip.format.sample_type == vs.FLOAT
        self._yuv = clip.format.color_family == vs.YUV
        self.direct = floating and not self._yuv
        self.clamp = floating and clip.format.color_family == vs.RGB
        grey = clip.format.color_family == vs.GRAY
        self.format = clip.format.id if self.direct else int(vs.GRAYS if grey else vs.RGBS)

    def colour_of(self, frame: vs.VideoFrame) -> Colour:
        """The frame's properties, else the defaults given, else the usual values for its format."""
        props = frame.props
        full = _known_value(props, "_Range", RANGES)
        if full is None:
            full = self._default_range
        if full is None:
            limited = self._format.color_family in _LIMITED_GREY
            full = RANGES["limited" if limited else "full"]
        if not self._yuv:
            return Colour(int(vs.MATRIX_RGB), full, 0)
        location = _known_value(props, "_ChromaLocation", LOCATIONS)
        return Colour(
            self._matrix(props),
            full,
            self._default_location if location is None else location,
        )

    def _matrix(self, props: vs.FrameProps) -> int:
        matrix = _known_value(props, "_Matrix", MATRICES)
        if matrix is not None:
            return matrix
        # Constant luminance and ICtCp are not linear. The nearest matrix, used both ways, keeps the
        # colours; only the network sees slightly different hues
        if props.get("_Matrix") in _WIDE_MATRICES:
            return _WIDE
        if self._default_matrix is not None:
            return self._default_matrix
        if props.get("_Primaries") == _WIDE or props.get("_Transfer") in _WIDE_TRANSFERS:
            return _WIDE
        return default_matrix(self._height)

    def to_working(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip` in the network's format; each frame is converted by its own properties."""
        if self.direct:
            return clip
        plain = frames.without_props(clip)
        nodes: dict[Colour, vs.VideoNode] = {}

        def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            colour = self.colour_of(f)
            if colour not in nodes:
                nodes[colour] = uncached(self._resize(plain, self.format, "_in", colour))
            return nodes[colour]

        template = clip.std.BlankClip(format=self.format, keep=True)
        read = uncached(template.std.FrameEval(choose, prop_src=clip, clip_src=plain))
        read = read.std.CopyFrameProps(clip, props=list(_READ))
        # A frame is requested as a right and as a left one, by up to one request per thread. An
        # unlimited cache would keep growing.
        read.std.SetVideoCache(mode=1, fixedsize=1, maxsize=vs.core.num_threads + _KEPT)
        return read

    def to_source(self, clip: vs.VideoNode, colour: Colour) -> vs.VideoNode:
        """`clip`, new frames in the network's format, in the source's format and `colour`."""
        return clip if self.direct else self._resize(clip, self._format.id, "", colour)

    def _resize(self, clip: vs.VideoNode, into: int, side: str, colour: Colour) -> vs.VideoNode:
        options = {f"range{side}": colour.range}
        if self._yuv:
            options[f"matrix{side}"] = colour.matrix
            options[f"chromaloc{side}"] = colour.chroma_location
        # A sharp kernel both ways: chroma loses far less than one 8-bit step by the round trip
        return clip.resize.Spline36(format=into, **options)


def _known_value(props: vs.FrameProps, name: str, known: dict[str, int]) -> int | None:
    value = props.get(name)
    return int(value) if isinstance(value, int) and value in known.values() else None


def with_source_props(frame: vs.VideoFrame, source: vs.VideoFrame) -> vs.VideoFrame:
    """`frame` with the properties of `source`, except those of its own picture (`_PICTURE`)."""
    own = {key: value for key, value in frame.props.items() if key in _PICTURE}
    others = {key: value for key, value in source.props.items() if key not in _PICTURE}
    frame.props.clear()
    frame.props.update(others | own)
    return frame


def alphas_match(left: vs.VideoFrame, right: vs.VideoFrame) -> bool:
    """Whether both frames have an alpha plane of the same format and of the frame's size."""
    alphas = alpha_of(left), alpha_of(right)
    if alphas[0] is None or alphas[1] is None:
        return False
    shapes = {(a.format.id, a.width, a.height) for a in alphas if a is not None}
    return shapes == {(alphas[0].format.id, left.width, left.height)}


def blended(left: vs.VideoFrame, right: vs.VideoFrame, weight: float) -> vs.VideoFrame:
    """`frames.blended` of two frames, and of their alpha planes if these match."""
    frame = frames.blended(left, right, weight)
    if alphas_match(left, right):
        frame.props[ALPHA] = frames.blended(left.props[ALPHA], right.props[ALPHA], weight)
    return frame
