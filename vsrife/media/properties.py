"""What a clip and a container can say about a film, and what becomes of each when it is encoded.

One row each: kept as a field of the stream or as an option of the encoder, turned with the picture,
or left out with a reason that the user is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from struct import unpack_from
from typing import Any

import vapoursynth as vs

from vsrife.media.packets import as_fraction
from vsrife.media.streams import about
from vsrife.messages import note

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One thing that can be said.

    name: in words. props: the frame properties that say it, all of them needed. fields: values of
    the encoder's context by name, made from the properties. options: for each encoder, what it is
    given, "key=value". reason: why it is left out, for what no encoder can keep.
    """

    name: str
    props: tuple[str, ...]
    fields: Callable[[Props], dict[str, Any]] | None = None
    options: Mapping[str, Callable[[Props], str]] = field(default_factory=dict)
    reason: str = ""


def _number(name: str, prop: str, unknown: int, largest: int, offset: int = 0) -> Row:
    """A number of H.273, as FFmpeg counts it; what nobody knows is as if it were not said."""

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
    """In x264's and x265's words: 1/50000 and 1/10000 candela; green, blue, red."""

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


def _light_level(props: Props) -> str:
    return f"cll={props['ContentLightLevelMax']},{props['ContentLightLevelAverage']}"


_MASTERING = tuple(
    f"MasteringDisplay{part}"
    for part in (
        "PrimariesX", "PrimariesY", "WhitePointX", "WhitePointY", "MaxLuminance", "MinLuminance",
    )
)  # fmt: skip

ROWS = (
    _number("colorspace", "_Matrix", int(vs.MATRIX_UNSPECIFIED), 14),
    _number("color_trc", "_Transfer", int(vs.TRANSFER_UNSPECIFIED), 18),
    _number("color_primaries", "_Primaries", int(vs.PRIMARIES_UNSPECIFIED), 22),
    Row("range", ("_Range",), _range),
    # VapourSynth counts from 0, FFmpeg from 1
    _number("chroma_sample_location", "_ChromaLocation", 0, 6, offset=1),
    Row("shape of pixels", ("_SARNum", "_SARDen"), _shape),
    Row("mastering display", _MASTERING, options={"libx264": _mastering_display}),
    Row(
        "light level",
        ("ContentLightLevelMax", "ContentLightLevelAverage"),
        options={"libx264": _light_level},
    ),
    Row(
        "Dolby Vision",
        ("DolbyVisionRPU",),
        reason="new frames have none; OUT shows the picture that players without it show",
    ),
    Row("HDR10+", ("HDR10Plus",), reason="new frames have none; HDR10 stays"),
    Row(
        "transparency", ("_Alpha",), reason="H.264 has none; what is seen through is opaque in OUT"
    ),
)


def describe(props: Props, encoder: str) -> tuple[dict[str, Any], str]:
    """The context's fields and the encoder's own parameters for a film whose frame 0 has `props`.

    A note for each thing that is left out.
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
        elif row.reason:
            note(f"{row.name} is left out: {row.reason}")
    return fields, ":".join(options)


# Matroska's words for pictures for two eyes, and what x264 and FFmpeg call them
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
    """What a container says about its film beside the frames.

    tags: title, language and the like. disposition: FFmpeg's bits. stereo: the layout for two eyes
    in Matroska's words, "" for none. shape: of pixels, before it is turned; None if not said.
    turned: whether its frames are turned by 90 or 270 degrees to be shown.
    """

    tags: dict[str, str] = field(default_factory=dict)
    disposition: int = 0
    stereo: str = ""
    shape: Fraction | None = None
    turned: bool = False


def track_of(stream: Any) -> Track:
    """What is said about a video stream."""
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
        across, down = unpack_from("=ii", matrix)  # where a step to the right leads
        turned = abs(down) > abs(across)
    said = stream.sample_aspect_ratio
    shape = as_fraction(said) if said else None
    return Track(tags, int(stream.disposition.value), stereo, shape or None, turned)


def shaped(clip: vs.VideoNode, track: Track) -> vs.VideoNode:
    """`clip`, whose frames are turned as they are shown, with the shape that the container says.

    The container's word counts more than the stream's, as with players.
    """
    if track.shape is None:
        return clip
    shape = 1 / track.shape if track.turned else track.shape
    return clip.std.SetFrameProps(_SARNum=shape.numerator, _SARDen=shape.denominator)


def stereo_options(track: Track, container: str) -> tuple[dict[str, str], str]:
    """The tag and the encoder's parameter that keep pictures for two eyes; a note if none does."""
    if not track.stereo or track.stereo == "mono":
        return {}, ""
    number = _STEREO.get(track.stereo)
    option = "" if number is None else f"frame-packing={number}"
    if container == "matroska":
        return {"stereo_mode": track.stereo}, option
    if not option:
        note(f"stereo mode {track.stereo} is left out: {container} has no word for it; .mkv has")
    return {}, option
