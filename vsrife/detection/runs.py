"""Duplicate frames: which frames repeat others, and the times of the drawings that remain."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

THRESHOLD = 0.0012  # 0.3 steps of 8 bits
# Largest allowed ratio of the maximum to the mean. Grain and compression make some blocks differ
# more than most, by chance. A moving mouth makes a few blocks differ by far more than that.
PEAK_OVER_MEAN = 8

# Bits of what is known about a frame; 0: the frame lies beyond the ends of the clip
INSIDE, REPEATS, CUT_AFTER, BAD = 1, 2, 4, 8


def is_duplicate(mean: float, largest: float, threshold: float) -> bool:
    """Whether a frame only repeats the one before it.

    mean, largest: of the absolute differences of their `luma.blocks`, 0..1.
    """
    return mean <= threshold and largest <= PEAK_OVER_MEAN * threshold


class Segment(NamedTuple):
    """The motion from one drawing to the next, in frames, counted from the current frame.

    It lasts from time `begin` to `end` and leads from frame `left` to frame `right`.
    """

    begin: Fraction
    end: Fraction
    left: int
    right: int


class Runs:
    """The drawings among the frames around frame 0; each drawing is a run of equal frames.

    around: the bits of a frame, see `INSIDE`. span: longest run of duplicates, in frames. A longer
    run is static on purpose; each of its frames is a drawing of its own.
    """

    def __init__(self, around: Callable[[int], int], span: int) -> None:
        self._around, self._span = around, span

    def run(self, at: int) -> tuple[int, int]:
        """First frame of the run that contains frame `at`, and first frame after the run."""
        begin, end = at, at + 1
        while begin > at - self._span and self._joined(begin):
            begin -= 1
        while end - begin <= self._span and self._joined(end):
            end += 1
        return (begin, end) if end - begin <= self._span else (at, at + 1)

    def _joined(self, k: int) -> bool:
        """Whether frame k belongs to the run of the frame before it."""
        before, here = self._around(k - 1), self._around(k)
        return here & (REPEATS | BAD) == REPEATS and before & (CUT_AFTER | BAD) == 0

    def moves_to(self, end: int) -> bool:
        """Whether motion leads from frame end - 1 to `end`: no cut, bad frame or clip end."""
        before, here = self._around(end - 1), self._around(end)
        whole = before & here & INSIDE
        return bool(whole) and not before & (CUT_AFTER | BAD) and not here & BAD

    def from_first(self) -> Segment | None:
        """The segment at frame 0, with drawings at the first frame of a run; None without a run."""
        begin, end = self.run(0)
        if end - begin == 1 or not self.moves_to(end):
            return None
        return Segment(Fraction(begin), Fraction(end), begin, end)

    def from_centre(self, time: Fraction) -> Segment | None:
        """The segment at `time`, 0 <= time < 1, with drawings in the middle of their runs.

        This spaces the drawings of 3:2:3:2 evenly. None where the source's frames suffice.
        """
        begin, end = self.run(0)
        if time < _centre(begin, end):
            if not self.moves_to(begin):
                return None
            runs = self.run(begin - 1), (begin, end)
        else:
            if not self.moves_to(end):
                return None
            runs = (begin, end), self.run(end)
        left, right = ((first + last - 1) // 2 for first, last in runs)
        return Segment(_centre(*runs[0]), _centre(*runs[1]), left, right)

    def around_bad(self, reach: int) -> Segment | None:
        """The segment between the good frames around frame 0, if frame 0 or 1 is bad.

        None if both are good, or if more than `reach` bad frames follow each other.
        """
        if not (self._around(0) | self._around(1)) & BAD:
            return None
        left = next((-k for k in range(reach + 1) if self._good(-k)), None)
        right = next((k for k in range(1, reach + 2) if self._good(k)), None)
        if left is None or right is None or right - left - 1 > reach:
            return None
        return Segment(Fraction(left), Fraction(right), left, right)

    def _good(self, k: int) -> bool:
        return self._around(k) & (INSIDE | BAD) == INSIDE


def _centre(begin: int, end: int) -> Fraction:
    return Fraction(begin + end - 1, 2)


def offsets_beyond(
    bits: Callable[[int], int], left: int, right: int, reach: int
) -> tuple[int, int]:
    """The frames before `left` and after `right` that show another drawing and are not bad; these
    themselves where a scene changes or the clip ends before such a frame, or none is near.

    bits: of a frame, see `INSIDE`; known for frames up to `reach` from frame 0.
    """
    before, after = left, right
    while before > -reach and not bits(before - 1) & CUT_AFTER and bits(before - 1) & INSIDE:
        repeats = bits(before) & REPEATS
        before -= 1
        if not repeats and not bits(before) & BAD:
            break
    else:
        before = left
    while after < reach and not bits(after) & CUT_AFTER and bits(after + 1) & INSIDE:
        after += 1
        if not bits(after) & (BAD | REPEATS):
            break
    else:
        after = right
    return before, after
