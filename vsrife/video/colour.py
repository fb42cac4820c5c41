"""What the network reads of a clip in any format, and the way back into that format.

The network reads RGB (or one grey plane, three times over). YUV and integers are converted by the
core's resizer, in floating point, by what each frame says about itself. Nothing but the matrix is
ever undone: transfer functions, PQ and HLG among them, stay as they are coded.
"""

from __future__ import annotations

from typing import NamedTuple

import vapoursynth as vs

from vsrife.checks import Coded
from vsrife.errors import ArgumentError
from vsrife.video import frames, scenes
from vsrife.video.frames import ALPHA, alpha_of, uncached

# Names of the resizer for numbers of H.273, those that it can undo by themselves
MATRICES = {"709": 1, "fcc": 4, "470bg": 5, "170m": 6, "240m": 7, "ycgco": 8, "2020ncl": 9}
RANGES = {"limited": int(vs.RANGE_LIMITED), "full": int(vs.RANGE_FULL)}
LOCATIONS = {"left": 0, "center": 1, "top_left": 2, "top": 3, "bottom_left": 4, "bottom": 5}
MATRIX, RANGE, LOCATION = Coded(MATRICES), Coded(RANGES), Coded(LOCATIONS)

_KEPT = 8  # converted frames, besides one for each thread

_WIDE = 9  # BT.2020: a matrix, and primaries
_WIDE_MATRICES = (10, 14)  # constant luminance and ICtCp: made of linear light
_WIDE_TRANSFERS = (14, 15, 16, 18)  # of BT.2020, PQ, HLG
_LIMITED_GREY = (vs.YUV, vs.GRAY)

# What of a frame's properties is read where the network reads its picture. All others are taken off
# before the resizer sees them: one of them can make it refuse a frame, or treat its fields one by
# one.
_READ = (ALPHA, scenes.PREV, scenes.NEXT)
# What a frame says of its own picture, wherever it is shown
_PICTURE = (ALPHA, "_RifeTimestep", "_RifeLeft", "_RifeRight", "_RifeConfidence")


def usual_matrix(height: int) -> int:
    """What YUV of that many lines has where nobody says it, as players take it, too."""
    return MATRICES["709" if height >= 720 else "170m"]


class Colour(NamedTuple):
    """How the numbers of a frame mean colours: of H.273, as in frame properties."""

    matrix: int
    range: int
    chroma_location: int


def check_format(clip_format: vs.VideoFormat) -> None:
    """ArgumentError, with the way out, for formats without a way to RGB and back."""
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
    """The way from a clip's own format to what the network reads, and back.

    direct: the network reads the clip's frames as they are. clamp: new pictures stay in 0..1;
    only in RGB of floating point, where vs-rife does so: elsewhere colours beyond that are common
    (limited range has room for them) and have to survive.
    """

    def __init__(
        self,
        clip: vs.VideoNode,
        *,
        matrix: int | None = None,
        color_range: int | None = None,
        chroma_location: int | None = None,
    ) -> None:
        """matrix, color_range, chroma_location: what holds for frames that do not say it
        themselves; None for a choice by size and kind. ArgumentError where there is no way, or
        where these mean nothing for such a clip."""
        check_format(clip.format)
        if clip.format.color_family != vs.YUV:
            for name, value in (("matrix", matrix), ("chroma_location", chroma_location)):
                if value is not None:
                    raise ArgumentError(
                        f"{name}={value} is for YUV clips, and this one is {clip.format.name}; "
                        "leave it out"
                    )
        self._format, self._height = clip.format, clip.height
        self._usual_matrix, self._usual_range = matrix, color_range
        self._usual_location = chroma_location or 0
        floating = clip.format.sample_type == vs.FLOAT
        self._yuv = clip.format.color_family == vs.YUV
        self.direct = floating and not self._yuv
        self.clamp = floating and clip.format.color_family == vs.RGB
        grey = clip.format.color_family == vs.GRAY
        self.format = clip.format.id if self.direct else int(vs.GRAYS if grey else vs.RGBS)

    def colour_of(self, frame: vs.VideoFrame) -> Colour:
        """What the frame says, else the defaults, else what such frames usually mean."""
        props = frame.props
        full = _said(props, "_Range", RANGES)
        if full is None:
            full = self._usual_range
        if full is None:
            limited = self._format.color_family in _LIMITED_GREY
            full = RANGES["limited" if limited else "full"]
        if not self._yuv:
            return Colour(int(vs.MATRIX_RGB), full, 0)
        location = _said(props, "_ChromaLocation", LOCATIONS)
        return Colour(
            self._matrix(props),
            full,
            self._usual_location if location is None else location,
        )

    def _matrix(self, props: vs.FrameProps) -> int:
        matrix = _said(props, "_Matrix", MATRICES)
        if matrix is not None:
            return matrix
        # Constant luminance and ICtCp are not linear. Undone and redone with the nearest matrix,
        # they come back as they were, and the network sees slightly other hues
        if props.get("_Matrix") in _WIDE_MATRICES:
            return _WIDE
        if self._usual_matrix is not None:
            return self._usual_matrix
        if props.get("_Primaries") == _WIDE or props.get("_Transfer") in _WIDE_TRANSFERS:
            return _WIDE
        return usual_matrix(self._height)

    def to_working(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip`, each frame converted by its own properties when it is asked for."""
        if self.direct:
            return clip
        bare = frames.bare(clip)
        nodes: dict[Colour, vs.VideoNode] = {}

        def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
            colour = self.colour_of(f)
            if colour not in nodes:
                nodes[colour] = uncached(self._resize(bare, self.format, "_in", colour))
            return nodes[colour]

        template = clip.std.BlankClip(format=self.format, keep=True)
        read = uncached(template.std.FrameEval(choose, prop_src=clip, clip_src=bare))
        read = read.std.CopyFrameProps(clip, props=list(_READ))
        # A frame is asked for as the right and as the left one, by as many requests as there are
        # threads. Left to itself, VapourSynth would keep more and more of them.
        read.std.SetVideoCache(mode=1, fixedsize=1, maxsize=vs.core.num_threads + _KEPT)
        return read

    def to_source(self, clip: vs.VideoNode, colour: Colour) -> vs.VideoNode:
        """`clip`, made by the network, in the format and the colours that it came from."""
        return clip if self.direct else self._resize(clip, self._format.id, "", colour)

    def _resize(self, clip: vs.VideoNode, into: int, side: str, colour: Colour) -> vs.VideoNode:
        options = {f"range{side}": colour.range}
        if self._yuv:
            options[f"matrix{side}"] = colour.matrix
            options[f"chromaloc{side}"] = colour.chroma_location
        # Sharp both ways round: what chroma loses on the way to full size and back stays far below
        # one step of 8 bits
        return clip.resize.Spline36(format=into, **options)


def _said(props: vs.FrameProps, name: str, known: dict[str, int]) -> int | None:
    value = props.get(name)
    return int(value) if isinstance(value, int) and value in known.values() else None


def dressed(frame: vs.VideoFrame, source: vs.VideoFrame) -> vs.VideoFrame:
    """`frame` with the properties of `source`, but for what it says of its own picture."""
    own = {key: value for key, value in frame.props.items() if key in _PICTURE}
    others = {key: value for key, value in source.props.items() if key not in _PICTURE}
    frame.props.clear()
    frame.props.update(others | own)
    return frame


def alphas_match(left: vs.VideoFrame, right: vs.VideoFrame) -> bool:
    """Whether both frames have an alpha plane of one format, as large as they are."""
    alphas = alpha_of(left), alpha_of(right)
    if alphas[0] is None or alphas[1] is None:
        return False
    shapes = {(a.format.id, a.width, a.height) for a in alphas if a is not None}
    return shapes == {(alphas[0].format.id, left.width, left.height)}


def blended(left: vs.VideoFrame, right: vs.VideoFrame, weight: float) -> vs.VideoFrame:
    """`frames.blended` of two frames and, where it can be, of their alpha planes."""
    frame = frames.blended(left, right, weight)
    if alphas_match(left, right):
        frame.props[ALPHA] = frames.blended(left.props[ALPHA], right.props[ALPHA], weight)
    return frame
