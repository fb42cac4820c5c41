"""Which rhythm the repeats of a film have: drawings on twos, 3:2, a rate that was converted.

Standard library only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

STATIC = 12  # frames; a picture that is shown for longer stands still on purpose
_HELD = 4  # frames at most that a drawing is usually shown for
_FEW = 0.02  # share of repeats below which they are chance
_MOST = 0.6  # share of the frames that makes a rhythm the film's own
_HALF = 0.5  # share of frames in held drawings that makes an animation
_PAIRS = 0.7  # share of pairs among what repeats, where a rate was converted
_LEAST = 10  # frames in motion below which nothing can be said


class Rhythm(NamedTuple):
    """The repeats of a film.

    kind: "none"; "few"; drawings on "twos", "threes", "fours", "3:2" or "mixed"; "pulldown", one
    repeat after every four frames; "pairs", single repeats now and then; "still", nothing moves at
    times; or "unknown", hardly anything moves. share: of repeats among the frames in motion, 0..1.
    frames: in motion that were looked at.
    """

    kind: str
    share: float
    frames: int

    @property
    def drawn(self) -> bool:
        """Whether it repeats pictures as animation does."""
        return self.kind in ("twos", "threes", "fours", "3:2", "mixed")


def find_rhythm(windows: Sequence[Sequence[bool]]) -> Rhythm:
    """windows: for stretches of consecutive frames, whether each repeats the one before it; the
    first value of a window counts for nothing, since the frame before it is not in it."""
    runs = [run for window in windows for run in _whole_runs(window)]
    moving = [run for run in runs if run <= STATIC]
    frames = sum(moving)
    if frames < _LEAST:
        return Rhythm("unknown", 0.0, frames)
    share = (frames - len(moving)) / frames
    return Rhythm(_kind(moving, frames, share, windows), share, frames)


def _kind(runs: Sequence[int], frames: int, share: float, windows: Sequence[Sequence[bool]]) -> str:
    if share < _FEW:
        return "few" if share else "none"
    weights = Counter[int]()
    for run in runs:
        weights[run] += run
    for cycle, name in (((3, 2), "3:2"), ((2, 1, 1, 1), "pulldown")):
        if _share_of(windows, cycle * 2) >= _MOST:  # twice: one alone is often chance
            return name
    for length, name in ((2, "twos"), (3, "threes"), (4, "fours")):
        if weights[length] >= _MOST * frames:
            return name
    if sum(weights[length] for length in range(2, _HELD + 1)) >= _HALF * frames:
        return "mixed"
    return "pairs" if weights[2] >= _PAIRS * (frames - weights[1]) else "still"


def _share_of(windows: Sequence[Sequence[bool]], cycle: tuple[int, ...]) -> float:
    """The share of runs that follow on each other as in a cycle of lengths."""
    hits = total = 0
    turned = {cycle[at:] + cycle[:at] for at in range(len(cycle))}
    for window in windows:
        runs = list(_whole_runs(window))
        for at in range(len(runs) - len(cycle) + 1):
            total += 1
            hits += tuple(runs[at : at + len(cycle)]) in turned
    return hits / total if total else 0.0


def _whole_runs(window: Sequence[bool]) -> Iterator[int]:
    """Lengths of the runs of equal frames that begin and end within a window."""
    begins = [n for n, repeats in enumerate(window) if n and not repeats]
    yield from (end - begin for begin, end in pairwise(begins))
