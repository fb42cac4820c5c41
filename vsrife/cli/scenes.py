"""`vsrife scenes`: scores of every frame, as a table and a plot, to choose thresholds by."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from vsrife.errors import ArgumentError, MediaError, missing_package
from vsrife.media.parts import whole_file
from vsrife.media.source import open_source, probe
from vsrife.messages import say
from vsrife.video import duplicates, scenes
from vsrife.weights.folders import exists, is_file, is_folder

HELP = """Score scene changes and duplicates.

For every frame of CLIP: how far the next one is from it, as rife(sc=True) and rife(sc="adaptive")
see it, and how far it is from the one before, as rife(duplicates=...) does. All are 0 to 1."""

PLOTS = (".png", ".svg", ".pdf")


class Scores(NamedTuple):
    """Of a frame; the names are the columns of the table."""

    frame: int
    seconds: float
    difference: float  # to the next frame
    adaptive: float  # how much like a cut what comes next is
    duplicate_mean: float  # from the frame before
    duplicate_peak: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("clip", metavar="CLIP", type=Path, help="a video file")
    add("-o", "--output", metavar="CSV", type=Path, help="the table (stdout)")
    add("--plot", metavar="FILE", type=Path, help="a picture of it, .png, .svg or .pdf")
    add("--overwrite", action="store_true", help="replace files that exist")
    add("--frames", metavar="N", type=int, default=0, help="first frames only, 0 for all (0)")
    add("--threshold", metavar="T", type=float, default=0.15, help="line in the plot (0.15)")


def run(args: argparse.Namespace) -> int:
    if not is_file(args.clip):
        raise MediaError(f"{args.clip} does not exist or is no file; CLIP must be a video file")
    if args.plot is not None and args.plot.suffix.lower() not in PLOTS:
        raise MediaError(f"{args.plot} must end in {', '.join(PLOTS)}, not {args.plot.suffix!r}")
    _check_targets(args.clip, args.output, args.plot)
    if args.plot is not None and find_spec("matplotlib") is None:
        raise missing_package("scenes --plot", "eval", "matplotlib")
    if args.frames < 0:
        raise ArgumentError(f"frames must be at least 0, not {args.frames}; 0 is all of them")
    threshold = scenes.check_threshold(args.threshold)
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
        f"{len(rows)} frames; above {threshold:g}: {fixed} by difference, "
        f"{cuts} by the adaptive score"
    )
    return 0


def _score_all(path: Path, limit: int) -> list[Scores]:
    """The scores of a file's frames; of the first `limit`, if that is not 0."""
    clip, times = open_source(path, probe(path))
    if limit > 0:
        clip = clip[:limit]
    seconds = [float((tick - times.ticks[0]) * times.base) for tick in times.ticks]
    return [
        Scores(n, round(at, 6), *(round(value, 6) for value in row))
        for n, (at, row) in enumerate(zip(seconds, score(clip), strict=False))
    ]


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


def score(clip: vs.VideoNode) -> Iterator[tuple[float, float, float, float]]:
    """The scores of each frame, in the order of `Scores`."""
    clips = (
        scenes.score_differences(clip),
        scenes.scene_scores(clip),
        duplicates.score_duplicates(clip),
    )
    for frames in zip(*(each.frames(close=True) for each in clips), strict=True):
        difference, cut, repeat = (frame.props for frame in frames)
        yield (
            difference[scenes.SCORE + "Diff"],
            cut[scenes.ADAPTIVE_SCORE],
            repeat[duplicates.SCORE + "Average"],
            repeat[duplicates.SCORE + "Max"],
        )


def as_csv(rows: Sequence[Scores]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Scores._fields)
    writer.writerows(rows)
    return text.getvalue()


def draw(rows: Sequence[Scores], threshold: float, path: Path, suffix: str) -> None:
    """Three curves over frame numbers, with the thresholds, as a picture file."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_package("scenes --plot", "eval", str(error)) from error
    figure = Figure(figsize=(14, 8), layout="constrained")
    above, middle, below = figure.subplots(3, sharex=True)
    numbers = [row.frame for row in rows]
    for axes, name, label in (
        (above, "difference", "difference to the next frame\nsc=True"),
        (middle, "adaptive", 'adaptive score\nsc="adaptive"'),
    ):
        axes.plot(numbers, [getattr(row, name) for row in rows], linewidth=0.8)
        axes.axhline(threshold, color="tab:red", linewidth=0.8, label=f"threshold {threshold:g}")
        axes.set_ylabel(label)
        axes.set_ylim(0)
        axes.legend(loc="upper right")
    for name, label in (("duplicate_mean", "mean"), ("duplicate_peak", "peak / 8")):
        part = duplicates.PEAK_OVER_MEAN if name == "duplicate_peak" else 1
        # a logarithmic axis has no zero; this is a thousandth of a step of 8 bits
        values = [max(getattr(row, name) / part, 4e-6) for row in rows]
        below.semilogy(numbers, values, linewidth=0.8, label=label)
    below.axhline(duplicates.THRESHOLD, color="tab:red", linewidth=0.8, label="threshold")
    below.set_ylabel("difference of blocks from\nthe frame before: duplicates")
    below.set_xlabel("frame")
    below.legend(loc="upper right")
    figure.savefig(path, format=suffix.lower().removeprefix("."))
