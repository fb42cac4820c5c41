"""Table of encoders. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# File endings -> FFmpeg's formats
CONTAINERS = {
    ".mkv": "matroska", ".mp4": "mp4", ".mov": "mov", ".webm": "webm", ".gif": "gif",
    ".webp": "webp", ".apng": "apng",
}  # fmt: skip
# The encoder for an ending if none is named
USUAL = {".webm": "svt-av1", ".gif": "gif", ".webp": "webp", ".apng": "apng"}
_FILMS = (".mkv", ".mp4", ".mov")
_AV1 = (".mkv", ".mp4", ".webm")
_X264_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


class Quality(NamedTuple):
    """A scale of constant quality: option of FFmpeg, default, best and worst value."""

    option: str
    usual: int
    best: int
    worst: int


class Presets(NamedTuple):
    """Presets: option of FFmpeg, default, all of them."""

    option: str
    usual: str
    names: tuple[str, ...]


def _planar(words: str, bits: str = "") -> dict[str, str]:
    """Formats whose planes are given as they are."""
    return {name + depth: name + depth for name in words.split() for depth in ("", *bits.split())}


_SAMPLINGS = "yuv420p yuv422p yuv444p"


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """One encoder.

    codec: FFmpeg's name. formats: pixel formats with planes -> the encoder's own format with the
    same samples (FFmpeg's names). containers: file endings. quality, presets: None: it has none.
    parameters: option of FFmpeg that takes "key=value:..." of the encoder itself; "": none.
    fixed: options that are always set, unless the user sets them. two_pass: keeps statistics, for
    an exact size. bitrate: obeys one. most_bits: bits that deeper clips are reduced to. hardware:
    needs a device; instead: what writes if there is none. joinable: segments can be joined as
    packets. lossless: gives back every sample.
    """

    codec: str
    formats: Mapping[str, str]
    containers: tuple[str, ...]
    quality: Quality | None = None
    presets: Presets | None = None
    parameters: str = ""
    fixed: Mapping[str, str] = field(default_factory=dict)
    two_pass: bool = False
    bitrate: bool = False
    most_bits: int = 10
    hardware: bool = False
    instead: str = ""
    joinable: bool = True
    lossless: bool = False


# Arguments of the rows of hardware encoders, the same for each codec
_DEVICES: dict[str, dict[str, Any]] = {
    "nvenc": {
        "formats": {"yuv420p": "nv12", "yuv444p": "yuv444p", "yuv420p10": "p010le"},
        "presets": Presets("preset", "p5", tuple(f"p{n}" for n in range(1, 8))),
        "quality": Quality("cq", 20, 1, 51),
        "fixed": {"rc": "vbr"},
    },
    "qsv": {
        "formats": {"yuv420p": "nv12", "yuv420p10": "p010le"},
        "presets": Presets("preset", "medium", _X264_PRESETS[2:]),
        "quality": Quality("global_quality", 20, 1, 51),
    },
    "amf": {
        "formats": {"yuv420p": "nv12", "yuv420p10": "p010le"},
        "presets": Presets("quality", "quality", ("speed", "balanced", "quality")),
        "quality": Quality("qvbr_quality_level", 20, 1, 51),
        "fixed": {"rc": "qvbr"},
    },
    "videotoolbox": {
        "formats": {"yuv420p": "nv12", "yuv420p10": "p010le"},
        # 65 of 100, in FFmpeg's unit of 118; constant quality exists on Apple's own chips only
        "fixed": {"global_quality": str(65 * 118), "flags": "+qscale"},
    },
}


def _device(kind: str, codec: str, *, deep: bool = True) -> Encoder:
    """The row of a hardware encoder."""
    row: dict[str, Any] = dict(_DEVICES[kind])
    if not deep:  # H.264 in hardware has 8 bits
        row["formats"] = {a: b for a, b in row["formats"].items() if not a.endswith("10")}
    containers = _AV1 if codec == "av1" else _FILMS
    instead = {"h264": "x264", "hevc": "x265", "av1": "svt-av1"}[codec]
    return Encoder(
        codec=f"{codec}_{kind}", containers=containers, hardware=True, instead=instead,
        bitrate=True, most_bits=10 if deep else 8, **row,
    )  # fmt: skip


ENCODERS: dict[str, Encoder] = {
    "x264": Encoder(
        codec="libx264",
        formats=_planar(_SAMPLINGS, "10"),
        containers=_FILMS,
        quality=Quality("crf", 18, 0, 51),
        presets=Presets("preset", "medium", _X264_PRESETS),
        parameters="x264-params",
        two_pass=True,
        bitrate=True,
    ),
    "x265": Encoder(
        codec="libx265",
        formats=_planar(_SAMPLINGS, "10 12"),
        containers=_FILMS,
        quality=Quality("crf", 20, 0, 51),
        presets=Presets("preset", "medium", _X264_PRESETS),
        parameters="x265-params",
        two_pass=True,
        bitrate=True,
    ),
    "svt-av1": Encoder(
        codec="libsvtav1",
        formats=_planar("yuv420p", "10"),
        containers=_AV1,
        quality=Quality("crf", 24, 1, 63),
        presets=Presets("preset", "8", tuple(str(n) for n in range(14))),
        parameters="svtav1-params",
        bitrate=True,
    ),
    "vp9": Encoder(
        codec="libvpx-vp9",
        formats=_planar(f"{_SAMPLINGS} yuva420p"),
        containers=(".webm", ".mkv"),  # .mp4 would lose alpha
        quality=Quality("crf", 24, 0, 63),
        presets=Presets("cpu-used", "3", tuple(str(n) for n in range(9))),
        fixed={"b": "0", "row-mt": "1"},  # with FFmpeg's own bitrate, crf would be a limit only
        bitrate=True,
        most_bits=8,
    ),
    "ffv1": Encoder(
        codec="ffv1",
        formats=_planar("yuv420p yuv422p yuv444p gray", "9 10 12 14 16")
        | _planar("yuv410p yuv411p yuv440p")
        | _planar("yuva420p yuva422p yuva444p", "9 10 16")
        | {"gbrp": "bgr0", "gbrap": "bgra"}
        | {f"gbrp{n}": f"gbrp{n}" for n in (9, 10, 12, 14, 16)}
        | {f"gbrap{n}": f"gbrap{n}" for n in (10, 12, 14, 16)},
        containers=(".mkv",),
        # version 3 with check sums, in slices for several threads
        fixed={"level": "3", "slicecrc": "1", "slices": "4", "g": "1"},
        most_bits=16,
        lossless=True,
    ),
    "prores": Encoder(
        codec="prores_ks",
        formats=_planar("yuv422p10 yuv444p10 yuva444p10"),
        containers=(".mov", ".mkv"),
        presets=Presets("profile", "hq", ("proxy", "lt", "standard", "hq", "4444", "4444xq")),
        fixed={"vendor": "apl0"},  # else some editors refuse it
    ),
    "gif": Encoder(
        codec="gif",
        formats={"gbrp": "rgba", "gbrap": "rgba"},  # before the palette
        containers=(".gif",),
        most_bits=8,
        joinable=False,
    ),
    "webp": Encoder(
        codec="libwebp_anim",
        formats={"gbrp": "bgra", "gbrap": "bgra"},
        containers=(".webp",),
        fixed={"quality": "90"},
        most_bits=8,
        joinable=False,
    ),
    "apng": Encoder(
        codec="apng",
        # FFmpeg's own reader does not take rgba64 of every animation
        formats={"gbrp": "rgb24", "gbrap": "rgba", "gbrp16": "rgb48be"},
        containers=(".apng",),
        most_bits=16,
        joinable=False,
        lossless=True,
    ),
    "h264_nvenc": _device("nvenc", "h264", deep=False),
    "hevc_nvenc": _device("nvenc", "hevc"),
    "av1_nvenc": _device("nvenc", "av1"),
    "h264_qsv": _device("qsv", "h264", deep=False),
    "hevc_qsv": _device("qsv", "hevc"),
    "av1_qsv": _device("qsv", "av1"),
    "h264_amf": _device("amf", "h264", deep=False),
    "hevc_amf": _device("amf", "hevc"),
    "av1_amf": _device("amf", "av1"),
    "h264_videotoolbox": _device("videotoolbox", "h264", deep=False),
    "hevc_videotoolbox": _device("videotoolbox", "hevc"),
}
