"""Scores of scene changes and duplicates for every frame of a clip: as numbers, CSV and a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from vsrife.detection.runs import PEAK_OVER_MEAN, THRESHOLD
from vsrife.evaluation.plotting import figure_class
from vsrife.video.marks import duplicates, scenes


class Scores(NamedTuple):
    """Of a frame, all 0 to 1 but for its number and time; the names are the columns of the CSV."""

    frame: int
    seconds: float
    difference: float  # to the next frame
    adaptive: float  # how much like a cut what comes next is
    duplicate_mean: float  # from the frame before
    duplicate_peak: float


def score(clip: vs.VideoNode, seconds: Sequence[float]) -> Iterator[Scores]:
    """The scores of each frame of `clip`, in order; seconds: its time."""
    clips = (
        scenes.score_differences(clip),
        scenes.scene_scores(clip),
        duplicates.score_duplicates(clip),
    )
    three = zip(*(each.frames(close=True) for each in clips), strict=True)
    for n, (at, frames) in enumerate(zip(seconds, three, strict=False)):
        difference, cut, repeat = (frame.props for frame in frames)
        found = (
            difference[scenes.SCORE + "Diff"],
            cut[scenes.ADAPTIVE_SCORE],
            repeat[duplicates.SCORE + "Average"],
            repeat[duplicates.SCORE + "Max"],
        )
        yield Scores(n, round(at, 6), *(round(value, 6) for value in found))


def as_csv(rows: Sequence[Scores]) -> str:
    """A table with one line for each frame, in the order of `Scores`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Scores._fields)
    writer.writerows(rows)
    return text.getvalue()


def draw(rows: Sequence[Scores], threshold: float, path: Path, suffix: str) -> None:
    """Three curves over frame numbers, with the thresholds, as a picture file.

    suffix: of the format, ".png", ".svg" or ".pdf", whatever the file is called. BackendError
    without matplotlib.
    """
    figure = figure_class("scenes --plot")(figsize=(14, 8), layout="constrained")
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
        part = PEAK_OVER_MEAN if name == "duplicate_peak" else 1
        # a logarithmic axis has no zero; this is a thousandth of a step of 8 bits
        values = [max(getattr(row, name) / part, 4e-6) for row in rows]
        below.semilogy(numbers, values, linewidth=0.8, label=label)
    below.axhline(THRESHOLD, color="tab:red", linewidth=0.8, label="threshold")
    below.set_ylabel("difference of blocks from\nthe frame before: duplicates")
    below.set_xlabel("frame")
    below.legend(loc="upper right")
    figure.savefig(path, format=suffix.lower().removeprefix("."))
