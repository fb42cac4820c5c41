"""Two or three films side by side: the scores of every frame that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.evaluation.compare.shared_times import shared_frames
from vsrife.evaluation.scores.frame_measures import measure
from vsrife.evaluation.scores.similarity import SMALLEST
from vsrife.media.source import open_source, probe, to_rgb
from vsrife.media.timestamps import Times
from vsrife.messages import counted
from vsrife.video.frames import reorder

LETTERS = "ABC"
_APART = Fraction(1, 1000)  # seconds between the beginnings of two films that are worth a note

Progress = Callable[[str, int, int], None]  # what, how much is done, how much there is


class Side(NamedTuple):
    """One of the films. letter: A is the reference; rgb: clip as RGBS, by its own matrix and range;
    size: bytes of the file; begin: seconds."""

    letter: str
    path: Path
    clip: vs.VideoNode
    rgb: vs.VideoNode
    times: Times
    codec: str
    size: int

    @property
    def begin(self) -> Fraction:
        return self.times.ticks[0] * self.times.base

    @property
    def about(self) -> str:
        """Format, rate, length and size of the file, in words."""
        rate = f"{float(self.times.rate):.6g} fps{'' if self.times.constant else ' (varies)'}"
        seconds = float((self.times.ticks[-1] - self.times.ticks[0]) * self.times.base)
        return (
            f"{self.codec}, {self.clip.width}x{self.clip.height}, {self.clip.format.name}, {rate}, "
            f"{counted(self.clip.num_frames, 'frame')}, {seconds:.2f} s, "
            f"{self.size / 1e6:.2f} MB"
        )


@dataclass(frozen=True)
class Comparison:
    """frames: for each shared time, a frame number of each side; seconds: these times, from the
    begin of A. scores: letter of a side -> measure -> one value for each shared time, more is
    better. notes: what the reader should know."""

    sides: list[Side]
    frames: list[tuple[int, ...]]
    seconds: list[float]
    scores: dict[str, dict[str, list[float]]]
    notes: list[str]

    @property
    def measures(self) -> list[str]:
        return list(next(iter(self.scores.values())))

    def mean(self, letter: str, name: str) -> float:
        return fmean(self.scores[letter][name])

    def worst(self, name: str) -> list[int]:
        """Shared times by number, the worst first; with three films, by the worse of two scores."""
        columns = [scores[name] for scores in self.scores.values()]
        lowest = [min(values) for values in zip(*columns, strict=True)]
        return sorted(range(len(lowest)), key=lambda n: (lowest[n], n))


def open_sides(paths: Sequence[Path], on_progress: Progress) -> list[Side]:
    """Open the films. MediaError if one cannot be read, or their sizes differ."""
    found = [(path, probe(path)) for path in paths]  # before the first is read through
    _check_sizes([(path, facts.size) for path, facts in found if not facts.about.turned])
    sides = []
    for letter, (path, facts) in zip(LETTERS, found, strict=False):
        clip, times = open_source(
            path, facts, on_read=lambda percent: on_progress("read", percent, 100)
        )
        if clip.format is None or not clip.width:
            raise MediaError(f"{path} changes its format or size; cut it where it does")
        size = path.stat().st_size
        sides.append(Side(letter, path, clip, to_rgb(clip), times, facts.codec, size))
    _check_sizes([(side.path, (side.clip.width, side.clip.height)) for side in sides])
    first = sides[0].clip
    if min(first.width, first.height) < SMALLEST:
        raise MediaError(
            f"{paths[0]} is {first.width}x{first.height}; pictures must be at least "
            f"{SMALLEST} pixels each way to be compared"
        )
    return sides


def _check_sizes(sizes: Sequence[tuple[Path, tuple[int, int]]]) -> None:
    for path, size in sizes[1:]:
        if size != sizes[0][1]:
            first, other = ("x".join(map(str, each)) for each in (sizes[0][1], size))
            raise MediaError(
                f"{sizes[0][0]} is {first} and {path} is {other}; pictures are compared pixel by "
                "pixel, so resize one of them first"
            )


def compare_films(
    sides: list[Side], names: Sequence[str], every: int, most: int, on_progress: Progress
) -> Comparison:
    """Measure the films against the first one. names: of measures. every: take each n-th shared
    frame; most: and that many at most, 0 for all."""
    shared = shared_frames([side.times for side in sides])
    if not shared:
        raise MediaError("the films have no frame that begins at the same time")
    taken = shared[::every][: most or None]
    rgb = rgb_of(sides, taken)
    scores: dict[str, dict[str, list[float]]] = {}
    total, done = len(taken) * (len(sides) - 1), 0
    for side, clip in zip(sides[1:], rgb[1:], strict=True):
        columns: dict[str, list[float]] = {name: [] for name in names}
        for found in measure(rgb[0], clip, names):
            for name, value in found.items():
                columns[name].append(value)
            done += 1
            on_progress("render", done, total)
        scores[side.letter] = columns
    times = sides[0].times
    seconds = [float((times.ticks[n[0]] - times.ticks[0]) * times.base) for n in taken]
    return Comparison(sides, taken, seconds, scores, _notes(sides, len(shared), len(taken)))


def rgb_of(sides: Sequence[Side], frames: Sequence[tuple[int, ...]]) -> list[vs.VideoNode]:
    """Each side's part of the shared frames, as RGBS."""
    clips = []
    for index, side in enumerate(sides):
        numbers = [each[index] for each in frames]
        template = side.rgb.std.BlankClip(length=len(numbers), keep=True)
        clips.append(reorder(side.rgb, template, numbers.__getitem__))
    return clips


def _notes(sides: Sequence[Side], shared: int, taken: int) -> list[str]:
    notes = []
    counts = [f"{side.letter} has {side.clip.num_frames}" for side in sides]
    rates = {side.times.rate for side in sides}
    lengths = {side.clip.num_frames for side in sides}
    if len(rates) > 1:
        notes.append(f"The frame rates differ: compared at the {shared} times at which all films "
                     f"begin a frame ({', '.join(counts)}).")  # fmt: skip
    elif len(lengths) > 1 or shared < min(lengths):
        notes.append(f"The films share {counted(shared, 'frame')} ({', '.join(counts)}).")
    if taken < shared:
        notes.append(f"Of {shared} shared frames, {taken} were measured.")
    if any(abs(side.begin - sides[0].begin) > _APART for side in sides):
        begins = ", ".join(f"{side.letter} at {float(side.begin):.3f} s" for side in sides)
        notes.append(f"They begin at different times ({begins}); the first frames are paired.")
    return notes
