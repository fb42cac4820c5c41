"""Clips as still images: PNG and TIFF with 8 or 16 bits, OpenEXR in floating point, with alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.parts import make_folder, part_of, sweep, unwritable, whole_file
from vsrife.media.writing.av_frames import packed, picture
from vsrife.media.writing.convert import (
    BT709,
    LINEAR,
    format_id,
    has_alpha,
    planar_name,
    resizer_arguments,
    with_alpha,
    without_colour_props,
)
from vsrife.system import moving
from vsrife.video.alpha import premultiplied, straight
from vsrife.video.frames import ALPHA

if TYPE_CHECKING:
    pass


class _Kind(NamedTuple):
    """A kind of file: FFmpeg's encoder, its options, planes -> its own format."""

    codec: str
    options: dict[str, str]
    formats: dict[str, str]


_TIFF = _Kind(
    "tiff",
    {"compression_algo": "deflate"},
    {
        "gray": "gray", "gray16": "gray16le", "gbrp": "rgb24", "gbrap": "rgba",
        "gbrp16": "rgb48le", "gbrap16": "rgba64le",
    },
)  # fmt: skip
KINDS = {
    ".png": _Kind(
        "png",
        {},
        {
            "gray": "gray", "gray16": "gray16be", "gbrp": "rgb24", "gbrap": "rgba",
            "gbrp16": "rgb48be", "gbrap16": "rgba64be",
        },
    ),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".exr": _Kind(
        "exr", {"compression": "zip16"}, {"gbrpf32": "gbrpf32le", "gbrapf32": "gbrapf32le"}
    ),
}  # fmt: skip
_PREFETCH = 4


def image_names(count: int, *, stem: str = "", first: int = 1, ending: str = ".png") -> list[str]:
    """Names of numbered images, with at least four digits, all as long: "0001.png"."""
    digits = max(4, len(str(first + count - 1)))
    return [f"{stem}{number:0{digits}d}{ending}" for number in range(first, first + count)]


def check_images(folder: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """MediaError if an ending is unknown, or an image is there already and must not be replaced."""
    for name in names:
        if Path(name).suffix.lower() not in KINDS:
            raise MediaError(f"{name} must end in {', '.join(KINDS)}")
        if not overwrite and (folder / name).exists():
            raise MediaError(f"{folder / name} exists; choose another folder, or --overwrite")


def for_images(clip: vs.VideoNode, ending: str) -> vs.VideoNode:
    """`clip` in a format of such files; unchanged if it already is.

    Grey stays grey (not in OpenEXR), all else becomes RGB; up to 8 bits 8, above 16, in OpenEXR 32
    (float). OpenEXR holds linear light and premultiplied alpha, PNG neither; what is not tagged
    otherwise counts as BT.709.
    """
    float_file = ending.lower() == ".exr"
    family = vs.GRAY if clip.format.color_family == vs.GRAY and not float_file else vs.RGB
    bits = 32 if float_file else 16 if clip.format.bits_per_sample > 8 else 8
    wanted = format_id(family, bits)
    linear, alpha = _transfer(clip) == LINEAR, has_alpha(clip)
    if alpha and linear and not float_file:
        clip = straight(clip)
    made = clip
    if clip.format.id != wanted or linear != float_file:
        made = _converted(clip, wanted, linear=float_file)
    if not alpha:
        return made
    made = with_alpha(made, clip)
    return premultiplied(made) if float_file and not linear else made


def _transfer(clip: vs.VideoNode) -> int:
    with clip.get_frame(0) as frame:
        value: Any = frame.props.get("_Transfer", vs.TRANSFER_UNSPECIFIED)
        return int(value)


def _converted(clip: vs.VideoNode, wanted: int, *, linear: bool) -> vs.VideoNode:
    arguments = resizer_arguments(clip)
    transfer = _transfer(clip)
    if (transfer == LINEAR) != linear:
        known = BT709 if transfer == int(vs.TRANSFER_UNSPECIFIED) else transfer
        arguments |= {"transfer_in": known, "transfer": LINEAR if linear else BT709}
    if clip.format.color_family == vs.GRAY:
        arguments["range"] = int(vs.RANGE_FULL)
    made = without_colour_props(clip).resize.Bicubic(format=wanted, **arguments)
    return made.std.SetFrameProps(_Transfer=LINEAR) if linear else made


def write_images(
    clip: vs.VideoNode,
    folder: Path,
    names: Sequence[str],
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Write each frame of `clip` (see `for_images`) into a file of `folder`, one name each; the
    folder is made if it is missing.

    Each file appears whole or not at all, and replaces one of its name (see `check_images`).
    MediaError if one cannot be written; those before it stay.
    """
    make_folder(folder)
    sweep(folder)
    frames = clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)
    for n, (name, frame) in enumerate(zip(names, frames, strict=True)):
        path = folder / name
        part = part_of(path)
        try:
            part.write_bytes(image_bytes(frame, path.suffix))
            moving.replace(part, path)
        except OSError as error:
            raise unwritable(path, error) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        on_frame(n + 1)


def image_bytes(frame: vs.VideoFrame, ending: str) -> bytes:
    """A frame, with the alpha in its `_Alpha`, as a file of the kind of `ending`."""
    import av

    kind = KINDS[ending.lower()]
    alpha = isinstance(frame.props.get(ALPHA), vs.VideoFrame)
    planar = planar_name(frame.format, alpha=alpha) or planar_name(frame.format)
    own = kind.formats[planar]
    encoder: Any = av.CodecContext.create(kind.codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, own
    encoder.time_base, encoder.options = Fraction(1), kind.options
    encoder.sample_aspect_ratio = Fraction(1)  # else PNG would say 0 pixels to 1
    made = packed(picture(frame, planar), own)
    made.pts = 0
    return b"".join(bytes(p) for p in [*encoder.encode(made), *encoder.encode(None)])


def encode_png(clip: vs.VideoNode, path: Path) -> None:
    """Write frame 0 of an RGB24 clip as PNG; the file appears whole or not at all."""
    with clip.get_frame(0) as frame:
        data = image_bytes(frame, ".png")
    with whole_file(path) as part:
        part.write_bytes(data)
