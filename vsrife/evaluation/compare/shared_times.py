"""Frames of several films that are shown at the same time. Standard library only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction

from vsrife.media.timestamps import Times

# Containers round times, .mkv to 1 ms: two of them may be that far apart, and a little
_ROUNDING = Fraction(2, 1000)
_QUARTER = Fraction(1, 4)  # of the shortest frame, at most: its neighbour is another frame


def shared_frames(films: Sequence[Times]) -> list[tuple[int, ...]]:
    """Frame numbers, one for each film, of every time at which all films begin a frame.

    Times count from each film's first frame, so a film that was cut out begins at 0, too. Two times
    are the same within 2 ms and a quarter of a frame.
    """
    rates = [times.rate for times in films]
    most = min(_ROUNDING, _QUARTER / max(rates))
    begins = [_begins(times) for times in films]
    found = []
    for n, at in enumerate(begins[0]):
        others = [_nearest(other, at, most) for other in begins[1:]]
        if None not in others:
            found.append((n, *(k for k in others if k is not None)))
    return found


def _begins(times: Times) -> list[Fraction]:
    """When each frame begins, in seconds from the first one."""
    first = times.ticks[0]
    return [(tick - first) * times.base for tick in times.ticks[:-1]]


def _nearest(begins: Sequence[Fraction], at: Fraction, most: Fraction) -> int | None:
    """The frame that begins nearest to `at`; None if none does within `most` seconds."""
    right = bisect_left(begins, at)
    near = [k for k in (right - 1, right) if 0 <= k < len(begins)]
    best = min(near, key=lambda k: abs(begins[k] - at))
    return best if abs(begins[best] - at) <= most else None
