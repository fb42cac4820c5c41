"""`vsrife scenes`: scores of every frame, as a table and a plot, to choose thresholds by."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from vsrife.checks import share
from vsrife.errors import ArgumentError, MediaError, missing_package
from vsrife.evaluation.scores.frame_scores import Scores, as_csv, draw, score
from vsrife.media.parts import whole_file
from vsrife.media.source import open_source, probe
from vsrife.messages import counted, say
from vsrife.weights.folders import exists, is_file, is_folder

HELP = """Score scene changes and duplicates.

For every frame of CLIP: how far the next one is from it, as rife(sc=True) and rife(sc="adaptive")
see it, and how far it is from the one before, as rife(duplicates=...) does. All are 0 to 1."""

PLOTS = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("clip", metavar="CLIP", type=Path, help="a video file")
    add("-o", "--output", metavar="CSV", type=Path, help="the table (stdout)")
    add("--plot", metavar="FILE", type=Path, help="a picture of it, .png, .svg or .pdf")
    add("--overwrite", action="store_true", help="replace files that exist")
    add("--frames", metavar="N", type=int, default=0, help="first frames only, 0 for all (0)")
    add("--threshold", metavar="T", type=float, default=0.15, help="line in the plot (0.15)")


def run(args: argparse.Namespace) -> int:
    if args.frames < 0:
        raise ArgumentError(f"frames must be at least 0, not {args.frames}; 0 is all of them")
    threshold = share("threshold", args.threshold, "0.15 is vs-rife's")
    if not is_file(args.clip):
        raise MediaError(f"{args.clip} does not exist or is no file; CLIP must be a video file")
    if args.plot is not None and args.plot.suffix.lower() not in PLOTS:
        raise MediaError(f"{args.plot} must end in {', '.join(PLOTS)}, not {args.plot.suffix!r}")
    _check_targets(args.clip, args.output, args.plot)
    if args.plot is not None and find_spec("matplotlib") is None:
        raise missing_package("scenes --plot", "eval", "matplotlib")
    with ExitStack() as files:
        # made before the film is read, which takes a while: a folder may not be writable
        parts = [
            path and files.enter_context(whole_file(path, overwrite=args.overwrite))
            for path in (args.output, args.plot)
        ]
        rows = _score_all(args.clip, args.frames)
        table = as_csv(rows)
        if parts[0] is None:
            sys.stdout.write(table)
        else:
            parts[0].write_bytes(table.encode())
        if parts[1] is not None:
            draw(rows, threshold, parts[1], args.plot.suffix)
    cuts, fixed = (
        sum(getattr(r, name) > threshold for r in rows) for name in Scores._fields[3:1:-1]
    )
    say(
        f"{counted(len(rows), 'frame')}; above {threshold:g}: {fixed} by difference, "
        f"{cuts} by the adaptive score"
    )
    return 0


def _score_all(path: Path, limit: int) -> list[Scores]:
    """The scores of a file's frames; of the first `limit`, if that is not 0."""
    clip, times = open_source(path, probe(path))
    if limit > 0:
        clip = clip[:limit]
    return list(score(clip, [float((tick - times.ticks[0]) * times.base) for tick in times.ticks]))


def _check_targets(clip: Path, *targets: Path | None) -> None:
    taken = [clip.resolve()]
    for target in targets:
        if target is None:
            continue
        if not is_folder(target.parent):
            raise MediaError(f"folder {target.parent} does not exist; make it first")
        if is_folder(target):
            raise MediaError(f"{target} is a folder; name a file")
        if target.resolve() in taken or (exists(target) and target.samefile(clip)):
            raise MediaError(f"{target} is CLIP or another output, too; choose another name")
        taken.append(target.resolve())
