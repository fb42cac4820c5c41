"""Segments: where a film is cut into pieces that are rendered one by one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil

from vsrife.media.timestamps import Times

LONGEST = 10  # seconds of film
_SHARE = Fraction(1, 32)  # of the film, so that a few workers end at about the same time
_ENOUGH = 2  # seconds; shorter ones make larger files: each segment begins with a key frame
_EVENLY = 4  # segments of equal length: so 2 or 4 workers share a film without cuts evenly
_SHORTEST = Fraction(1, 4)  # share of the longest; below this, a cut does not end a segment
_FEWEST = 12  # frames of the longest segment
_MINUTE = 60
# Multiply-accumulate operations per second that a slow machine reaches: a segment is made in about
# a minute or less. Fixed, since segments must not depend on how fast a run happens to be
_CPU, _DEVICE = 1e11, 5e12


def longest(
    count: int, rate: Fraction, work: float, *, on_device: bool, bitrate: bool = False
) -> int:
    """Most output frames of a segment.

    At most 10 s of film, and a 32nd of it but no less than 2 s; or about a minute of work if that
    is less. The number of workers has no say, so that a render can go on with any. count: output
    frames. rate: of them per second. work: multiply-accumulate operations per output frame.
    bitrate: the encoder has one to obey, which takes it 10 s: x264 stays 3 % below it then, and
    17 % in segments of 2 s.
    """
    share = max(_ENOUGH * rate, count * _SHARE)
    by_time = LONGEST * rate if bitrate else min(LONGEST * rate, share)
    by_work = int(_MINUTE * (_DEVICE if on_device else _CPU) / max(work, 1.0))
    most = max(_FEWEST, min(int(by_time), by_work))
    if bitrate or count <= most:
        return most
    segments = ceil(Fraction(count, most * _EVENLY)) * _EVENLY
    return max(_FEWEST, ceil(Fraction(count, segments)))


def starts_of_scenes(cuts_after: Sequence[int], source: Times, out: Times) -> list[int]:
    """The first output frame of each scene after the first.

    cuts_after: source frames. source, out: when source and output frames are shown.
    """
    found = []
    for cut in cuts_after:
        if cut + 1 >= len(source.ticks) - 1:
            continue
        begin = source.ticks[cut + 1] * source.base
        found.append(bisect_left(out.ticks, begin / out.base, hi=len(out.ticks) - 1))
    return found


def starts_in_order(cuts_after: Sequence[int], positions: Sequence[Fraction]) -> list[int]:
    """The same for output frames at any positions in the source, in source frames."""
    scenes = [bisect_left(cuts_after, int(position)) for position in positions]
    return [n for n, (a, b) in enumerate(pairwise(scenes), 1) if a != b]


def borders(first: int, end: int, scenes: Sequence[int], most: int) -> list[int]:
    """First output frame of each segment of frames `first` to `end` - 1, and `end`.

    A segment has at most `most` frames and ends at the last scene change in reach, unless that
    leaves less than a quarter of `most`.
    """
    starts = sorted(set(scenes))
    found = [first]
    while end - found[-1] > most:
        least, furthest = found[-1] + max(1, int(most * _SHORTEST)), found[-1] + most
        k = bisect_left(starts, furthest + 1) - 1
        found.append(starts[k] if k >= 0 and starts[k] >= least else furthest)
    return [*found, end]
