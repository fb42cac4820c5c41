"""vsrife script: a script for a video file, ready to run and to be edited."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from vsrife.checks import frame_rate, rational, whole
from vsrife.cli import stdout
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.parts import whole_file
from vsrife.messages import say
from vsrife.rendering.film.timing import check_rate
from vsrife.scripting.choices import choose, rhythm_in_words
from vsrife.scripting.examine import SAMPLE, examine
from vsrife.scripting.text import write_script
from vsrife.weights.folders import is_file, is_folder

HELP = """Write a script for a video file.

Looks at the file's format, rate and colour, and at a sample of its frames: how
often pictures repeat, and whether it cuts. The script runs as it is with
vspipe. Each argument has a comment that says why it is there; others that may
help are in it, commented out. Parts, encoders and sound are options of render.

  vsrife script in.mkv -o in.vpy
  vspipe in.vpy - -c y4m | x264 --demuxer y4m - -o out.mkv"""

_NAME = "script.vpy"  # in the comment of a script that goes to stdout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a video file")
    add("-o", "--output", metavar="FILE.vpy", type=Path, help="the script (stdout)")
    add("--factor", metavar="F", help="frames for each frame of IN, as 2 or 5/2 (2)")
    add("--fps", metavar="R", help="frames per second, as 60, 60000/1001 or 59.94")
    add(
        "--frames",
        metavar="N",
        type=int,
        default=SAMPLE,
        help=f"frames to look at, spread over the film ({SAMPLE})",
    )
    add("--overwrite", action="store_true", help="replace a script that exists")


def run(args: argparse.Namespace) -> int:
    factor = None if args.factor is None else rational("factor", args.factor)
    fps = None if args.fps is None else frame_rate("fps", args.fps)
    if fps is not None:
        check_rate("fps", fps)
    if factor is not None and fps is not None:
        raise ArgumentError("--factor and --fps exclude each other; give one of them")
    sample = whole("frames", args.frames, 2)
    if not is_file(args.source):
        raise MediaError(f"{args.source} does not exist or is no file; IN must be a video file")
    if args.output is None:
        # as Python reads scripts
        stdout.write_utf8(_script(args.source, sample, factor, fps, _NAME))
        return 0
    _check_target(args.source, args.output)
    with whole_file(args.output, overwrite=args.overwrite) as part:
        text = _script(args.source, sample, factor, fps, args.output.name)
        part.write_bytes(text.encode())
    return 0


def _script(
    source: Path, sample: int, factor: Fraction | None, fps: Fraction | None, name: str
) -> str:
    film = examine(source, sample)
    check_rate("factor", film.rate * (factor or 2))
    say(f"{film.width}x{film.height}, {film.format}; {rhythm_in_words(film)}")
    return write_script(film, choose(film, factor, fps), name)


def _check_target(source: Path, target: Path) -> None:
    if target.suffix.lower() not in (".vpy", ".py"):
        raise MediaError(f"{target} must end in .vpy or .py, not {target.suffix!r}")
    if not is_folder(target.absolute().parent):
        raise MediaError(f"folder {target.absolute().parent} does not exist; make it first")
    if target.resolve() == source.resolve():
        raise MediaError(f"{target} is IN, too; choose another name")
