"""Duplicate frames: score, mark, and where drawings stand in time once they are taken out."""

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
# The peak may be this many times the mean. Grain and compression make some blocks differ more than
# most, by chance; a mouth that moves makes a few differ by far more than that.
PEAK_OVER_MEAN = 8

# What `around` is asked for, bit by bit; 0 is a frame beyond the ends of the clip
INSIDE, REPEATS, CUT_AFTER, BAD = 1, 2, 4, 8


def score_duplicates(clip: vs.VideoNode) -> vs.VideoNode:
    """A grey clip of blocks with how far each frame is from the one before it, 0..1 of luma.

    `_RifeDuplicateAverage` is the mean and `_RifeDuplicateMax` the largest absolute difference of
    block means (8x8 pixels). Means of signed samples: grain cancels out, while fog, a fade or a
    slow zoom, which move all samples of a block the same way, stay. The first frame has 0.
    """
    width, height = max(1, round(clip.width / BLOCK)), max(1, round(clip.height / BLOCK))
    blocks = frames.luma(clip).resize.Bilinear(width, height, format=vs.GRAYS)
    apart = vs.core.std.Expr([blocks, nodes.shifted(blocks, -1)], "x y - abs")
    return apart.std.PlaneStats(prop=SCORE)


def mark_duplicates(clip: vs.VideoNode, threshold: float) -> vs.VideoNode:
    """`clip` with `_Duplicate` (0 or 1) on every frame.

    1 where blocks differ from the frame before by at most `threshold` (0..1 of luma) on average,
    and none by more than 8 times that.
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
    """Motion from one drawing to the next, in frames counted from some frame.

    It runs from time `begin` to `end`, from frame `left` to frame `right`.
    """

    begin: Fraction
    end: Fraction
    left: int
    right: int


class Runs:
    """Drawings among the frames around a frame 0: each is a run of frames that repeat it.

    around: bits (above) of a frame; span: runs longer than this many frames are no duplicates but
    stand still on purpose, and every frame of theirs is a drawing of its own.
    """

    def __init__(self, around: Callable[[int], int], span: int) -> None:
        self._around, self._span = around, span

    def run(self, at: int) -> tuple[int, int]:
        """First frame of the run that holds frame `at`, and of what follows it."""
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

    def leads_on(self, end: int) -> bool:
        """Whether there is motion from frame end - 1 to `end`, rather than a cut or nothing."""
        before, here = self._around(end - 1), self._around(end)
        whole = before & here & INSIDE
        return bool(whole) and not before & (CUT_AFTER | BAD) and not here & BAD

    def from_first(self) -> Segment | None:
        """The segment at frame 0 if a run's drawing stands at its first frame; None for no run."""
        begin, end = self.run(0)
        if end - begin == 1 or not self.leads_on(end):
            return None
        return Segment(Fraction(begin), Fraction(end), begin, end)

    def from_centre(self, time: Fraction) -> Segment | None:
        """The segment at `time`, 0 <= time < 1, if a drawing stands in the middle of its run.

        3:2:3:2 has its drawings evenly spaced so. None where the source's own frames will do.
        """
        begin, end = self.run(0)
        if time < _centre(begin, end):
            if not self.leads_on(begin):
                return None
            runs = self.run(begin - 1), (begin, end)
        else:
            if not self.leads_on(end):
                return None
            runs = (begin, end), self.run(end)
        left, right = ((first + last - 1) // 2 for first, last in runs)
        return Segment(_centre(*runs[0]), _centre(*runs[1]), left, right)

    def around_bad(self, reach: int) -> Segment | None:
        """The segment at frame 0 if that or the next is bad: between the good ones around it.

        None where none of both is bad, or more than `reach` are in a row.
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
