"""The choice of an encoder: every option is checked here, before any file is opened."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vsrife.checks import rational
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.writing import encoder_trial, pipe_command, piped
from vsrife.media.writing.encoder_table import ENCODERS, USUAL, Encoder
from vsrife.media.writing.encoding import AUDIO, SUBTITLES
from vsrife.media.writing.encoding import Encoding as Encoding
from vsrife.messages import note

_PIPED = (".mkv", ".mp4", ".mov", ".webm")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_FASTEST_VP9 = 1000  # frames per second: its segments are Matroska, whose ticks are 1 ms
_FASTEST_GIF = 50  # frames per second; browsers show shorter delays than 2/100 s as 10/100 s


def choose(
    name: str | None,
    ending: str,
    *,
    crf: int | None = None,
    preset: str | None = None,
    options: Sequence[str] = (),
    bitrate: str | None = None,
    max_size: str | None = None,
    pipe: str | None = None,
    audio: str = "copy",
    subtitles: str = "copy",
) -> Encoding:
    """A checked Encoding for a file that ends in `ending`, such as ".mkv".

    name: None: the usual one for the ending. options: "key=value" each. bitrate: bits per second,
    as "5M"; max_size: bytes, as "10MB" or "8MiB". pipe: a command line with {out}. Tries the
    encoder, or the program, with two small frames; hardware that does not run is replaced by the
    `instead` of its row, with a note. ArgumentError or MediaError for what is not possible.
    """
    ending = ending.lower()
    made = Encoding(
        encoder=name or USUAL.get(ending, "x264"),
        crf=crf,
        preset=preset,
        options=_pairs(options),
        bitrate=None if bitrate is None else _amount("bitrate", bitrate, "5M"),
        max_size=None if max_size is None else _amount("max-size", max_size, "10MB"),
        pipe=() if pipe is None else pipe_command.words(pipe),
        audio=_among("audio", audio, AUDIO),
        subtitles=_among("subtitles", subtitles, SUBTITLES),
    )
    if made.pipe:
        _check_others(made, ending)
        return _alone(made, name, ending)
    _check(made, ending)
    return _tried(made)


def _alone(made: Encoding, name: str | None, ending: str) -> Encoding:
    """`made` with --pipe, which takes no option of an encoder of FFmpeg."""
    given = {
        "encoder": name, "crf": made.crf, "preset": made.preset, "bitrate": made.bitrate,
        "max-size": made.max_size, "encoder-options": made.options or None,
    }  # fmt: skip
    for option, value in given.items():
        if value is not None:
            raise ArgumentError(f"--{option} is not for --pipe; give it to the program itself")
    if ending not in _PIPED:
        raise ArgumentError(
            f"--pipe writes {', '.join(_PIPED)}, not {ending or 'a name without an ending'}; the "
            "program's film is put into one of these, with the sound"
        )
    piped.try_out(made.pipe)
    return replace(made, encoder="x264")


def _check(made: Encoding, ending: str) -> None:
    _among("encoder", made.encoder, tuple(ENCODERS))
    row = made.row
    if ending not in row.containers:
        others = [name for name, each in ENCODERS.items() if ending in each.containers]
        takes = f"{', '.join(others)} can" if others else "no encoder can"
        raise ArgumentError(
            f"{made.encoder} cannot write {ending or 'a name without an ending'}, only "
            f"{', '.join(row.containers)}; {takes}"
        )
    _check_quality(made, row)
    if made.preset is not None:
        if row.presets is None:
            raise ArgumentError(f"{made.encoder} has no presets; leave --preset out")
        _among("preset", made.preset, row.presets.names)
    rates = [made.crf is not None, made.bitrate is not None, made.max_size is not None]
    if sum(rates) > 1:
        raise ArgumentError("--crf, --bitrate and --max-size exclude each other; give one")
    if any(rates[1:]) and not row.bitrate:
        able = ", ".join(
            name for name, each in ENCODERS.items() if each.bitrate and not each.hardware
        )
        raise ArgumentError(f"{made.encoder} obeys no --bitrate or --max-size; {able} do")
    if made.max_size is not None and not row.two_pass:
        able = " and ".join(name for name, each in ENCODERS.items() if each.two_pass)
        raise ArgumentError(f"--max-size needs two passes, which {made.encoder} has not; {able} do")
    _check_others(made, ending)


def _check_quality(made: Encoding, row: Encoder) -> None:
    if made.crf is None:
        return
    if row.quality is None:
        raise ArgumentError(f"{made.encoder} has no --crf; leave it out, or see --encoder-options")
    _, usual, best, worst = row.quality
    if not best <= made.crf <= worst:
        raise ArgumentError(
            f"--crf must be a whole number from {best} to {worst} for {made.encoder}, not "
            f"{made.crf}; {usual} is usual"
        )


def _check_others(made: Encoding, ending: str) -> None:
    """Audio and subtitles that the container can hold."""
    if made.subtitles == "mov_text" and ending not in (".mp4", ".mov"):
        raise ArgumentError(
            f"--subtitles mov_text is for .mp4 and .mov, not {ending}; copy suits it"
        )
    if made.subtitles == "srt" and ending != ".mkv":
        raise ArgumentError(f"--subtitles srt is for .mkv, not {ending}; copy suits it")
    if made.subtitles == "webvtt" and ending not in (".webm", ".mkv"):
        raise ArgumentError(f"--subtitles webvtt is for .webm and .mkv, not {ending}")
    if made.audio == "aac" and ending == ".webm":
        raise ArgumentError("--audio aac is not for .webm; opus is")
    if made.audio == "opus" and ending == ".mov":
        raise ArgumentError("--audio opus is not for .mov; aac is")


def _tried(made: Encoding) -> Encoding:
    """`made` if the encoder runs with its options, else what writes instead of a device."""
    reason = encoder_trial.failure(made)
    if reason is None:
        return made
    if not made.row.hardware:
        raise ArgumentError(f"{made.encoder} does not take that: {reason}")
    note(f"{made.encoder} does not run here ({reason}); {made.row.instead} writes instead")
    # quality is comparable enough to be kept, presets and options are not
    return replace(made, encoder=made.row.instead, preset=None, options=())


def check_film(made: Encoding, width: int, height: int, rate: Fraction) -> None:
    """MediaError if the encoder cannot hold a film of this size and rate (frames per second)."""
    if made.pipe:
        return
    sampled = [name for name in made.row.formats if name.startswith("yuv")]
    whole = [name for name in made.row.formats if "444" in name or not name.startswith("yuv")]
    if (width % 2 or height % 2) and sampled and not whole:
        raise MediaError(
            f"{width}x{height} is odd, and {made.encoder} writes even sizes only; vp9, x264 and "
            "x265 write it, or crop a line"
        )
    if made.row.codec == "libvpx-vp9" and rate > _FASTEST_VP9:
        raise MediaError(
            f"vp9 is made in segments of at most {_FASTEST_VP9} frames per second, not "
            f"{float(rate):.6g}; choose a smaller factor or fps, or another encoder"
        )
    if made.encoder == "gif" and rate > _FASTEST_GIF:
        raise MediaError(
            f"GIF has at most {_FASTEST_GIF} frames per second, not {float(rate):.6g}; choose a "
            "smaller factor or fps, or .webp"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `from_args`."""
    add = parser.add_argument_group("encoder").add_argument
    names = ", ".join(name for name, row in ENCODERS.items() if not row.hardware)
    usual = "x264; for .webm, .gif, .webp, .apng: svt-av1, gif, webp, apng"
    add(
        "--encoder",
        metavar="NAME",
        help=f"{names}, h264_nvenc, ... ({usual})",
    )
    add("--crf", type=int, metavar="N", help="quality; smaller is better (18 for x264)")
    add("--preset", metavar="NAME", help="slower makes smaller files (medium for x264)")
    add("--encoder-options", action="append", default=[], metavar="KEY=VALUE",
        help="an option of FFmpeg's encoder; may be repeated")  # fmt: skip
    add("--bitrate", metavar="RATE", help="bits per second, as 5M, instead of --crf")
    add("--max-size", metavar="SIZE", help="size of OUT, as 10MB or 8MiB; two passes")
    add("--pipe", metavar="COMMAND", help='encode with a program: "x264 --demuxer y4m - -o {out}"')
    add("--audio", choices=AUDIO, default="copy",
        help="convert sound, stretch it for --slow, --times, or leave it out (copy)")  # fmt: skip
    add("--subtitles", choices=SUBTITLES, default="copy", help="convert or leave out text (copy)")


def from_args(args: argparse.Namespace, target: Path) -> Encoding:
    """The Encoding that the options of `add_arguments` ask for, to write `target`."""
    return choose(
        args.encoder,
        target.suffix,
        crf=args.crf,
        preset=args.preset,
        options=args.encoder_options,
        bitrate=args.bitrate,
        max_size=args.max_size,
        pipe=args.pipe,
        audio=args.audio,
        subtitles=args.subtitles,
    )


def _pairs(options: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for each in options:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise ArgumentError(
                f"--encoder-options must be KEY=VALUE, as tune=animation, not {each!r}"
            )
        pairs.append((key, value))
    return tuple(pairs)


def _amount(name: str, text: str, such: str) -> int:
    """Bits or bytes from a number with a unit: "5M", "800k", "10MB", "8MiB"."""
    word = text.strip().lower().removesuffix("b") if name == "max-size" else text.strip().lower()
    number = word.rstrip("kmgi")
    try:
        amount = rational(name, number) * _UNITS[word[len(number) :]]
    except (ArgumentError, KeyError):
        amount = Fraction(0)
    if amount < 1000:
        raise ArgumentError(f"--{name} must be a number with a unit, as {such}, not {text!r}")
    return int(amount)


def _among(name: str, value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ArgumentError(f"--{name} must be one of {', '.join(words)}, not {value!r}")
    return value
