"""Properties of a film in a clip and in a container, and how the encoder keeps them.

Each row is a property: kept as a field of the stream or as an option of the encoder, or left out
with a reason, which the user reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from struct import unpack_from
from typing import Any

import vapoursynth as vs

from vsrife.media.tracks.packets import as_fraction
from vsrife.media.tracks.streams import about
from vsrife.messages import note

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One property of a film.

    name: in words. props: its frame properties; all must be present. fields: makes fields of the
    encoder's context, by name, from these. options: makes the encoder's own parameter "key=value",
    by FFmpeg's name of the encoder. reason: why no encoder keeps it, or no other one.
    """

    name: str
    props: tuple[str, ...]
    fields: Callable[[Props], dict[str, Any]] | None = None
    options: Mapping[str, Callable[[Props], str]] = field(default_factory=dict)
    reason: str = ""


def _number(name: str, prop: str, unknown: int, largest: int, offset: int = 0) -> Row:
    """A number of H.273, in FFmpeg's counting; an unknown number counts as unspecified."""

    def fields(props: Props) -> dict[str, Any]:
        value = props[prop]
        known = isinstance(value, int) and 0 <= value + offset <= largest
        return {name: int(value) + offset if known else unknown}

    return Row(name.replace("color_", "").replace("_", " "), (prop,), fields)


def _range(props: Props) -> dict[str, Any]:
    return {"color_range": 2 if props["_Range"] == vs.RANGE_FULL else 1}  # FFmpeg's numbers


def _shape(props: Props) -> dict[str, Any]:
    width, height = int(props["_SARNum"]), int(props["_SARDen"])
    return {"sample_aspect_ratio": Fraction(width, height)} if width > 0 and height > 0 else {}


def _mastering_display(props: Props) -> str:
    """x264's and x265's syntax: G, B, R; coordinates in 1/50000, luminance in 1/10000 cd/m2."""

    def point(x: float, y: float) -> str:
        return f"({round(x * 50_000)},{round(y * 50_000)})"

    red, green, blue = zip(
        props["MasteringDisplayPrimariesX"], props["MasteringDisplayPrimariesY"], strict=True
    )
    white = point(props["MasteringDisplayWhitePointX"], props["MasteringDisplayWhitePointY"])
    most, least = (
        round(props[f"MasteringDisplay{end}Luminance"] * 10_000) for end in ("Max", "Min")
    )
    primaries = f"G{point(*green)}B{point(*blue)}R{point(*red)}"
    return f"mastering-display={primaries}WP{white}L({most},{least})"


def _mastering_display_x265(props: Props) -> str:
    """As x264's under x265's name, and the flags that make it HDR10."""
    return _mastering_display(props).replace("mastering-display", "hdr10=1:master-display")


def _mastering_display_av1(props: Props) -> str:
    """SVT-AV1's syntax: G, B, R; coordinates in 0..1, luminance in cd/m2."""

    def point(x: float, y: float) -> str:
        return f"({x:.6f},{y:.6f})"

    red, green, blue = zip(
        props["MasteringDisplayPrimariesX"], props["MasteringDisplayPrimariesY"], strict=True
    )
    white = point(props["MasteringDisplayWhitePointX"], props["MasteringDisplayWhitePointY"])
    most, least = (props[f"MasteringDisplay{end}Luminance"] for end in ("Max", "Min"))
    primaries = f"G{point(*green)}B{point(*blue)}R{point(*red)}"
    return f"mastering-display={primaries}WP{white}L({most:.4f},{least:.4f})"


def _light_level(name: str) -> Callable[[Props], str]:
    return lambda props: (
        f"{name}={props['ContentLightLevelMax']},{props['ContentLightLevelAverage']}"
    )


_MASTERING = tuple(
    f"MasteringDisplay{part}"
    for part in (
        "PrimariesX", "PrimariesY", "WhitePointX", "WhitePointY", "MaxLuminance", "MinLuminance",
    )
)  # fmt: skip

_NO_PARAMETER = "the encoder is not told; our x264, x265 and svt-av1 keep it"

ROWS = (
    _number("colorspace", "_Matrix", int(vs.MATRIX_UNSPECIFIED), 14),
    _number("color_trc", "_Transfer", int(vs.TRANSFER_UNSPECIFIED), 18),
    _number("color_primaries", "_Primaries", int(vs.PRIMARIES_UNSPECIFIED), 22),
    Row("range", ("_Range",), _range),
    # VapourSynth counts from 0, FFmpeg from 1
    _number("chroma_sample_location", "_ChromaLocation", 0, 6, offset=1),
    Row("shape of pixels", ("_SARNum", "_SARDen"), _shape),
    Row(
        "mastering display",
        _MASTERING,
        options={
            "libx264": _mastering_display,
            "libx265": _mastering_display_x265,
            "libsvtav1": _mastering_display_av1,
        },
        reason=_NO_PARAMETER,
    ),
    Row(
        "light level",
        ("ContentLightLevelMax", "ContentLightLevelAverage"),
        options={
            "libx264": _light_level("cll"),
            "libx265": _light_level("max-cll"),
            "libsvtav1": _light_level("content-light"),
        },
        reason=_NO_PARAMETER,
    ),
    Row(
        "Dolby Vision",
        ("DolbyVisionRPU",),
        reason="new frames have none; OUT shows the picture that players without it show",
    ),
    Row("HDR10+", ("HDR10Plus",), reason="new frames have none; HDR10 stays"),
)


def describe(props: Props, encoder: str, *, silent: bool = False) -> tuple[dict[str, Any], str]:
    """Fields of the context, and parameters of the encoder, for a film whose frame 0 has `props`.

    encoder: FFmpeg's name. A note for each property that is left out, unless `silent`.
    """
    fields: dict[str, Any] = {"color_range": 1}
    options = []
    for row in ROWS:
        if not all(name in props for name in row.props):
            continue
        if row.fields is not None:
            fields |= row.fields(props)
        elif encoder in row.options:
            options.append(row.options[encoder](props))
        elif row.reason and not silent:
            note(f"{row.name} is left out: {row.reason}")
    return fields, ":".join(options)


# Stereo modes: Matroska's words -> x264's frame-packing, and FFmpeg's numbers -> Matroska's words
_STEREO = {
    "checkerboard_lr": 0, "col_interleaved_lr": 1, "row_interleaved_lr": 2, "left_right": 3,
    "top_bottom": 4, "block_lr": 5,
}  # fmt: skip
_STEREO_BY_NUMBER = {
    1: "left_right", 2: "top_bottom", 3: "block_lr", 4: "checkerboard_lr",
    6: "row_interleaved_lr", 7: "col_interleaved_lr",
}  # fmt: skip
_SWAPPED = {
    "left_right": "right_left", "top_bottom": "bottom_top", "block_lr": "block_rl",
    "checkerboard_lr": "checkerboard_rl", "row_interleaved_lr": "row_interleaved_rl",
    "col_interleaved_lr": "col_interleaved_rl",
}  # fmt: skip


@dataclass(frozen=True)
class Track:
    """Properties of a film in its container.

    tags: title, language and so on. disposition: FFmpeg's bits. stereo: stereo mode in Matroska's
    words, "" for none. shape: pixel aspect ratio before rotation; None: unknown. turned: frames are
    rotated by 90 or 270 degrees for display. alpha_apart: alpha is a film of its own within the
    track, as of VP8 and VP9.
    """

    tags: dict[str, str] = field(default_factory=dict)
    disposition: int = 0
    stereo: str = ""
    shape: Fraction | None = None
    turned: bool = False
    alpha_apart: bool = False

    @property
    def shown_shape(self) -> Fraction | None:
        """Pixel aspect ratio after rotation."""
        return 1 / self.shape if self.shape and self.turned else self.shape


def track_of(stream: Any) -> Track:
    """Properties of a video stream."""
    tags = about(stream.metadata)
    side = stream.codec_context.coded_side_data if stream.codec_context is not None else {}
    stereo = tags.pop("stereo_mode", "")
    if not stereo and "stereo_3d" in side:
        kind, flags = unpack_from("=ii", side["stereo_3d"])
        stereo = _STEREO_BY_NUMBER.get(kind, "")
        stereo = _SWAPPED.get(stereo, "") if flags & 1 else stereo
    matrix = side.get("display_matrix")
    turned = False
    if matrix is not None:
        across, down = unpack_from("=ii", matrix)  # image of a step to the right
        turned = abs(down) > abs(across)
    aspect = stream.sample_aspect_ratio
    shape = as_fraction(aspect) if aspect else None
    alpha = tags.pop("alpha_mode", "0") != "0"
    return Track(tags, int(stream.disposition.value), stereo, shape or None, turned, alpha)


def shaped(clip: vs.VideoNode, track: Track) -> vs.VideoNode:
    """`clip`, already rotated for display, with the pixel aspect ratio of the container.

    The container overrides the stream, as in players.
    """
    shape = track.shown_shape
    if shape is None:
        return clip
    return clip.std.SetFrameProps(_SARNum=shape.numerator, _SARDen=shape.denominator)


def stereo_options(
    track: Track, container: str, encoder: str = "libx264", *, silent: bool = False
) -> tuple[dict[str, str], str]:
    """The tag and the encoder's parameter that keep the stereo mode; a note if it is lost.

    encoder: FFmpeg's name; only libx264 has the parameter. silent: no note.
    """
    if not track.stereo or track.stereo == "mono":
        return {}, ""
    number = _STEREO.get(track.stereo)
    has = number is not None and encoder == "libx264"
    option = f"frame-packing={number}" if has else ""
    if container in ("matroska", "webm"):
        return {"stereo_mode": track.stereo}, option
    if not option and not silent:
        note(f"stereo mode {track.stereo} is left out: {container} cannot store it; .mkv can")
    return {}, option
