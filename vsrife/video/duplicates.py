"""Duplicate frames: score them, mark them, and time the drawings that remain without them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import vapoursynth as vs

from vsrife.video import frames, nodes

DUPLICATE = "_Duplicate"  # 1 on a frame that only repeats the one before it
SCORE = "_RifeDuplicate"  # with "Average" and "Max", see score_duplicates
ANCHORS = ("first", "centre")
THRESHOLD = 0.0012  # 0.3 steps of 8 bits
BLOCK = 8  # pixels; grain of one step is 1/8 of a step in the mean of a block
# Largest allowed ratio of the maximum to the mean. Grain and compression make some blocks differ
# more than most, by chance. A moving mouth makes a few blocks differ by far more than that.
PEAK_OVER_MEAN = 8

# Bits of what is known about a frame; 0: the frame lies beyond the ends of the clip
INSIDE, REPEATS, CUT_AFTER, BAD = 1, 2, 4, 8


def score_duplicates(clip: vs.VideoNode) -> vs.VideoNode:
    """A grey clip of block means with the difference of each frame from the one before it.

    `_RifeDuplicateAverage` is the mean and `_RifeDuplicateMax` the maximum absolute difference of
    block means (8x8 pixels), 0..1 of luma. The first frame has 0. In a block mean, grain cancels
    out. Fog, a fade or a slow zoom remain: they change all samples of a block the same way.
    """
    width, height = max(1, round(clip.width / BLOCK)), max(1, round(clip.height / BLOCK))
    blocks = frames.luma(clip).resize.Bilinear(width, height, format=vs.GRAYS)
    apart = vs.core.std.Expr([blocks, nodes.shifted(blocks, -1)], "x y - abs")
    return apart.std.PlaneStats(prop=SCORE)


def mark_duplicates(clip: vs.VideoNode, threshold: float) -> vs.VideoNode:
    """`clip` with `_Duplicate` (0 or 1) on every frame.

    1 where blocks differ from the frame before by at most `threshold` (0..1 of luma) on average,
    and no block differs by more than 8 times that.
    """

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame, scores = f[0].copy(), f[1].props
        small = scores[SCORE + "Average"] <= threshold
        frame.props[DUPLICATE] = int(
            n > 0 and small and scores[SCORE + "Max"] <= PEAK_OVER_MEAN * threshold
        )
        return frame

    return clip.std.ModifyFrame([clip, score_duplicates(clip)], mark)


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
