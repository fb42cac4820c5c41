"""The text of a script for a film."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import vapoursynth as vs

from vsrife.errors import printable
from vsrife.messages import counted
from vsrife.scripting.choices import Argument, rhythm_in_words, shown
from vsrife.scripting.examine import Film
from vsrife.system.quoting import quoted

_WIDTH = 98  # of comments
_RANGES = {int(vs.RANGE_FULL): "full", int(vs.RANGE_LIMITED): "limited"}
_NAMES = {
    "matrix": {0: "RGB", 1: "BT.709", 4: "FCC", 5: "BT.601 (470bg)", 6: "BT.601 (170m)",
               7: "SMPTE 240M", 8: "YCgCo", 9: "BT.2020", 10: "BT.2020 (constant luminance)"},
    "transfer": {1: "BT.709", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 8: "linear",
                 13: "sRGB", 14: "BT.2020", 15: "BT.2020", 16: "PQ (HDR)", 18: "HLG (HDR)"},
    "primaries": {1: "BT.709", 5: "BT.601 (625 lines)", 6: "BT.601 (525 lines)", 9: "BT.2020"},
    "range": _RANGES,
}  # fmt: skip
_HDR = (16, 18)  # transfers
# FFmpeg's names; its numbers are H.273's, as VapourSynth's
_PARAMETERS = {"matrix": "colorspace", "transfer": "color_trc", "primaries": "color_primaries"}
_Y4M_MATRIX = 1  # BT.709
_LATE = 0.01  # seconds; less is rounding, or samples that players skip


def write_script(film: Film, arguments: Sequence[Argument], script: str) -> str:
    """The script as text. script: its file name, for the command in its first lines."""
    lines = [
        *_head(film, script), "import vapoursynth as vs", "", "from vsrife import rife", "",
        *_source(film), *_call(arguments), *_end(film), "clip.set_output()",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _head(film: Film, script: str) -> Iterator[str]:
    source, name = printable(_as_text(film.path.name)), printable(script)
    yield from _comment(f"{source}, made smoother. Written by `vsrife script`, to be edited.")
    yield "#"
    whole = printable_all(_as_text(os.path.abspath(film.path)))  # it is run in any folder
    late = f"-itsoffset {float(film.late):.6g} " if film.late > _LATE else ""
    yield (
        f"#   vspipe {quoted(name)} - -c y4m | ffmpeg {late}-i - -i {quoted(whole)} "
        f"-map 0:v -map 1:a? {_untold(film)}-c:a copy out.mkv"
    )
    yield "#"
    yield from _comment(
        f"Found: {film.codec}, {film.width}x{film.height}, {film.format}, "
        f"{counted(film.frames, 'frame')}, {film.seconds:.1f} s, {_rate(film)}."
    )
    yield from _comment(f"Colour: {_colour(film)}.")
    sampled = counted(film.sampled, "sampled frame")
    yield from _comment(f"Motion in {sampled}: {rhythm_in_words(film)}.")
    if film.colour["transfer"] in _HDR:
        yield from _comment(
            "HDR: the frames keep their format and their values; tell the encoder about it, or use "
            "`vsrife render`, which does."
        )


def _untold(film: Film) -> str:
    """FFmpeg's option for what y4m does not carry: shape of pixels and colour."""
    told = {ours: film.colour[name] for name, ours in _PARAMETERS.items()}
    if film.family == vs.RGB:
        told["colorspace"] = _Y4M_MATRIX
    found = [f"{ours}={number}" for ours, number in told.items() if number is not None]
    if film.colour["range"] is not None and film.family != vs.RGB:
        found.append(f"range={_RANGES[film.colour['range']]}")
    filters = [f"setparams={':'.join(found)}"] if found else []
    if film.shape != 1:
        filters.append(f"setsar={film.shape}")
    return f'-vf "{",".join(filters)}" ' if filters else ""


def _rate(film: Film) -> str:
    exact = f" ({film.rate})" if film.rate.denominator > 1 else ""
    return (
        f"{'' if film.constant else 'mean '}{shown(film.rate)} fps{exact if film.constant else ''}"
    )


def _colour(film: Film) -> str:
    told = [
        f"{name} {_NAMES[name].get(value, value)}"
        for name, value in film.colour.items()
        if value is not None
    ]
    missing = [name for name, value in film.colour.items() if value is None]
    if missing:
        told.append(f"the file does not say: {', '.join(missing)}")
    return ", ".join(told)


def _source(film: Film) -> Iterator[str]:
    track = f", track={film.track}" if film.track else ""
    yield f"clip = vs.core.bs.VideoSource({_literal(film.path)}{track})"
    if film.constant:
        fps = f"fpsnum={film.rate.numerator}, fpsden={film.rate.denominator}"
        yield f"clip = clip.std.AssumeFPS({fps})  # exact, by the times of all frames"
    if film.fields:
        yield from _comment(
            "The file is interlaced. Put a deinterlacer here, such as QTGMC or Bwdif; without one, "
            "new frames show combs."
        )
        yield "clip = clip.std.SetFieldBased(0)"
    yield ""


def _call(arguments: Sequence[Argument]) -> Iterator[str]:
    words = [(("" if each.used else "# ") + f"{each.name}={each.value},", each.reason)
             for each in arguments]  # fmt: skip
    widest = min(max(len(word) for word, _ in words), 38)
    yield "clip = rife("
    yield "    clip,"
    for word, reason in words:
        yield f"    {word:<{widest}}  # {reason}"
    yield ")"


def _end(film: Film) -> Iterator[str]:
    if film.family == vs.RGB:
        yield "# y4m holds YUV only"
        yield f"clip = clip.resize.Bicubic(format=vs.YUV444P8, matrix={_Y4M_MATRIX})"


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in textwrap.wrap(printable_all(text), _WIDTH))


def printable_all(text: str) -> str:
    """`text` without control characters, which could end a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _as_text(path: str | Path) -> str:
    """A file's name for a comment; it may hold anything, even line breaks."""
    return os.fsencode(path).decode("utf-8", "replace")


def _literal(path: Path) -> str:
    """The whole path as Python: text, or bytes if its name is no valid text.

    Whole, since vspipe runs scripts in the folder of the script.
    """
    whole = os.path.abspath(path)
    try:
        whole.encode("utf-8")
    except UnicodeEncodeError:
        return repr(os.fsencode(whole))
    return repr(whole)
