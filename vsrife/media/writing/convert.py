"""A clip in a format that an encoder takes, alpha included."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import vapoursynth as vs

from vsrife.media.writing.encoding import Encoding
from vsrife.messages import note
from vsrife.video.alpha import straight
from vsrife.video.colour import LOCATIONS, MATRICES, default_matrix
from vsrife.video.frames import ALPHA

_SAMPLINGS = {
    "420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "410": (2, 2), "411": (2, 0),
}  # fmt: skip
_BY_SAMPLING = {shape: name for name, shape in _SAMPLINGS.items()}
# Finest first: where the clip's own sampling is missing, the next finer one loses nothing
_FINER = ("", "420", "411", "410", "440", "422", "444")
_NAME = re.compile(r"(?P<family>yuv|gbr|gray)(?P<alpha>a?)(?P<sampling>\d{3})?p?(?P<bits>f?\d*)")
LINEAR, BT709 = 8, 1  # transfer functions, in the numbers of H.273
# What y4m can hold and programs read
_PIPED = [
    f"yuv{sampling}p{bits}" for sampling in ("420", "422", "444") for bits in ("", *range(9, 17))
]
_FAMILIES = {"yuv": vs.YUV, "gbr": vs.RGB, "gray": vs.GRAY}
# Properties that the resizer reads. They are removed, since it refuses frames with unknown numbers;
# arguments replace them
_COLOUR = (
    "_Matrix", "_Range", "_ChromaLocation", "_Transfer", "_Primaries", "_FieldBased", "_Field",
)  # fmt: skip


class Layout(NamedTuple):
    """Planes of a clip: colour family, sampling in FFmpeg's digits ("" for RGB and grey), bits."""

    family: vs.ColorFamily
    sampling: str
    bits: int


def planar_name(clip_format: vs.VideoFormat, *, alpha: bool = False) -> str:
    """FFmpeg's name for the planes of a format of VapourSynth; "" if it has none.

    alpha: with an alpha plane of the same depth.
    """
    bits = "" if clip_format.bits_per_sample == 8 else str(clip_format.bits_per_sample)
    if clip_format.sample_type == vs.FLOAT:
        bits = f"f{clip_format.bits_per_sample}"
    letter = "a" if alpha else ""
    if clip_format.color_family == vs.RGB:
        return f"gbr{letter}p{bits}"
    if clip_format.color_family == vs.GRAY:
        return "" if alpha else f"gray{bits}"
    sampling = _BY_SAMPLING.get((clip_format.subsampling_w, clip_format.subsampling_h))
    return f"yuv{letter}{sampling}p{bits}" if sampling else ""


def is_alpha(name: str) -> bool:
    """Whether a pixel format, by FFmpeg's name, has an alpha plane."""
    return bool(_named(name)["alpha"])


def has_alpha(clip: vs.VideoNode) -> bool:
    """Whether the first frame has an alpha plane, which then all frames must have."""
    with clip.get_frame(0) as frame:
        return isinstance(frame.props.get(ALPHA), vs.VideoFrame)


def loses_alpha(clip: vs.VideoNode, encoding: Encoding) -> bool:
    """Whether the clip has alpha and the film will not."""
    return has_alpha(clip) and not any(map(is_alpha, _formats(encoding)))


def shows_alpha(clip: vs.VideoNode) -> bool:
    """Whether anything in a clip with alpha is not opaque; ends with the first frame that is."""
    node: Any = clip
    alpha: Any = node.std.PropToClip(prop=ALPHA).std.PlaneStats()
    opaque = 1 if alpha.format.sample_type == vs.FLOAT else (1 << alpha.format.bits_per_sample) - 1
    return any(frame.props["PlaneStatsMin"] < opaque for frame in alpha.frames(close=True))


def for_encoding(clip: vs.VideoNode, encoding: Encoding) -> vs.VideoNode:
    """`clip` in a format of the encoder; unchanged if it already is.

    Else: RGB stays RGB and grey stays grey where the encoder has them, and become YUV elsewhere;
    sampling and depth stay, or become the next finer; the matrix stays; without one, BT.709 from
    720 lines on and BT.601 below. Alpha, where the encoder has it, gets the picture's depth. A
    program (pipe) gets YUV of 8 to 16 bits. Where it has none, the picture is put over black.
    A note for an odd size.
    """
    names = _formats(encoding)
    transparent = has_alpha(clip)
    alphas = [name for name in names if is_alpha(name)] if transparent else []
    if transparent and not alphas and not _is_linear(clip):  # OpenEXR's is multiplied already
        clip = _over_black(clip)
    names = alphas or [name for name in names if not is_alpha(name)]
    if (clip.width % 2 or clip.height % 2) and not any(name.startswith("gbr") for name in names):
        note(f"{clip.width}x{clip.height} is odd; written as 4:4:4, which not every player takes")
    if alphas and _is_linear(clip):  # OpenEXR has premultiplied alpha; films have not
        clip = straight(clip)
    made = clip
    if planar_name(clip.format, alpha=bool(alphas)) not in names:
        most = 16 if encoding.pipe else encoding.row.most_bits
        made = _converted(clip, _nearest(clip, names, most))
    return with_alpha(made, clip) if alphas else made


def _formats(encoding: Encoding) -> list[str]:
    """What the encoder, or a program, takes: FFmpeg's names."""
    return list(_PIPED if encoding.pipe else encoding.row.formats)


def _named(name: str) -> re.Match[str]:
    found = _NAME.fullmatch(name)
    assert found, name
    return found


def _layout(name: str) -> Layout:
    found = _named(name)
    return Layout(_FAMILIES[found["family"]], found["sampling"] or "", int(found["bits"] or 8))


def _nearest(clip: vs.VideoNode, formats: list[str], most_bits: int) -> Layout:
    """The layout among `formats` that loses least of `clip`, with at most `most_bits` bits."""
    layouts = [_layout(name) for name in formats]
    shape = clip.format
    families = {each.family for each in layouts}
    family = shape.color_family if shape.color_family in families else vs.YUV
    if family not in families:
        family = vs.RGB
    layouts = [each for each in layouts if each.family == family]
    wanted = _BY_SAMPLING.get((shape.subsampling_w, shape.subsampling_h), "")
    offered = {each.sampling for each in layouts}
    usual = wanted in ("420", "422", "444") or wanted in offered
    if shape.color_family != vs.YUV or not usual:
        # RGB and grey: what every player takes
        wanted = "444" if clip.width % 2 or clip.height % 2 else "420"
    samplings = sorted({each.sampling for each in layouts}, key=_FINER.index)
    finer = [s for s in samplings if not s or _FINER.index(s) >= _FINER.index(wanted)]
    sampling = finer[0] if finer else samplings[-1]
    layouts = [each for each in layouts if each.sampling == sampling]
    bits = min(most_bits, 32 if shape.sample_type == vs.FLOAT else shape.bits_per_sample)
    depths = sorted(each.bits for each in layouts)
    return Layout(family, sampling, next((d for d in depths if d >= bits), depths[-1]))


def _converted(clip: vs.VideoNode, layout: Layout) -> vs.VideoNode:
    sampling = _SAMPLINGS[layout.sampling] if layout.sampling else (0, 0)
    written = vs.core.query_video_format(layout.family, vs.INTEGER, layout.bits, *sampling)
    arguments = resizer_arguments(clip)
    source_rgb = clip.format.color_family == vs.RGB
    into: dict[str, int] = {}
    if _is_linear(clip):  # OpenEXR; films are not
        into = {"transfer_in": LINEAR, "transfer": BT709}
    if layout.family != vs.RGB:
        into["matrix"] = arguments.get("matrix_in", default_matrix(clip.height))
        limited = source_rgb or arguments["range_in"] != vs.RANGE_FULL
        into["range"] = int(vs.RANGE_LIMITED if limited else vs.RANGE_FULL)
    made = without_colour_props(clip).resize.Spline36(format=written.id, **into, **arguments)
    if _is_linear(clip):
        return made.std.CopyFrameProps(clip, props=["_Primaries"])
    return made.std.CopyFrameProps(clip, props=["_Transfer", "_Primaries"])


def _is_linear(clip: vs.VideoNode) -> bool:
    with clip.get_frame(0) as frame:
        return bool(frame.props.get("_Transfer") == LINEAR)


def _over_black(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` over black by its alpha: colours of what is transparent are anything."""
    shape = clip.format
    whole = shape.sample_type == vs.INTEGER
    grey, middle = 0.0, 2.0 ** (shape.bits_per_sample - 1) if whole else 0.0
    if whole and shape.color_family != vs.RGB:
        limited = resizer_arguments(clip)["range_in"] != vs.RANGE_FULL
        grey = 16.0 * 2 ** (shape.bits_per_sample - 8) if limited else 0.0
    chroma = grey if shape.color_family == vs.RGB else middle
    black = clip.std.BlankClip(color=[grey, chroma, chroma][: shape.num_planes], keep=True)
    return black.std.MaskedMerge(
        clip, _alpha_like(clip, clip), first_plane=True
    ).std.CopyFrameProps(clip)


def with_alpha(clip: vs.VideoNode, source: vs.VideoNode) -> vs.VideoNode:
    """`clip` with the alpha planes of `source`, in the depth of `clip`."""
    node: Any = clip  # the stubs of vapoursynth lack ClipToProp
    made: vs.VideoNode = node.std.ClipToProp(_alpha_like(clip, source), prop=ALPHA)
    return made


def _alpha_like(clip: vs.VideoNode, source: vs.VideoNode) -> vs.VideoNode:
    """The alpha planes of `source`, in the depth of `clip`."""
    node: Any = source  # the stubs of vapoursynth lack PropToClip
    alpha: vs.VideoNode = node.std.PropToClip(prop=ALPHA)
    shape = clip.format
    grey = vs.core.query_video_format(vs.GRAY, shape.sample_type, shape.bits_per_sample, 0, 0)
    if alpha.format is None or alpha.format.id != grey.id:
        full = int(vs.RANGE_FULL)  # alpha has no limited range
        alpha = without_colour_props(alpha).resize.Point(format=grey.id, range_in=full, range=full)
    return alpha


def format_id(family: vs.ColorFamily, bits: int) -> int:
    """VapourSynth's number of a grey or RGB format of 8 to 16 bits, or of 32: float."""
    kind = vs.FLOAT if bits == 32 else vs.INTEGER
    return vs.core.query_video_format(family, kind, bits, 0, 0).id


def without_colour_props(clip: vs.VideoNode) -> vs.VideoNode:
    return clip.std.RemoveFrameProps(list(_COLOUR))


def resizer_arguments(clip: vs.VideoNode) -> dict[str, int]:
    """Arguments of the resizer: properties of the first frame, else defaults."""
    with clip.get_frame(0) as frame:
        props = dict(frame.props)
    matrix = int(props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
    if matrix not in MATRICES.values():
        matrix = default_matrix(clip.height)
    family = clip.format.color_family
    full = props.get("_Range", vs.RANGE_FULL if family == vs.RGB else vs.RANGE_LIMITED)
    arguments = {"range_in": int(vs.RANGE_FULL if full == vs.RANGE_FULL else vs.RANGE_LIMITED)}
    if family != vs.RGB:
        arguments["matrix_in"] = matrix
    if family == vs.YUV:
        location = int(props.get("_ChromaLocation", 0))
        arguments["chromaloc_in"] = location if location in LOCATIONS.values() else 0
    return arguments
