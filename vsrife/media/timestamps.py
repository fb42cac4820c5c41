"""Exact times of frames, in whole ticks of a time base. Standard library only."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import NamedTuple

from vsrife.video.timeline import Timeline

FINEST = Fraction(1, 1_000_000)
_LARGEST = 2**31 - 1  # a file's time base is a pair of signed 32-bit numbers
# Most consecutive frames whose times do not rise that count as damage; more are another recording
_DAMAGE = 4
_LISTING = Fraction(1, 100_000)  # precision of listed times, seconds
# Least last frame, as a share of the usual step; writers that do not know it leave a shorter one
_NO_FRAME = Fraction(2, 5)  # of a period: what times may be off without a frame that is missing
_SHORTEST = Fraction(1, 10)


class Times(NamedTuple):
    """Frame n begins at `ticks[n] * base` seconds; the last tick ends the last frame.

    mean: frames per second of the film that these frames are a part of; None: they are all of it.
    """

    base: Fraction
    ticks: Sequence[int]
    mean: Fraction | None = None

    @property
    def rate(self) -> Fraction:
        """Frames per second, the mean if it varies; a held last frame does not count."""
        if self.mean is not None:
            return self.mean
        end = max(1, len(self.ticks) - 2)
        # else a rate asked for, by way of a factor, makes more frames than the film is long
        if not self.constant and not self._held:
            end += 1
        return Fraction(end, self.ticks[end] - self.ticks[0]) / self.base

    @property
    def constant(self) -> bool:
        """Whether all frames are equally far apart; the last one may be held."""
        begins = self.ticks[:-1] if len(self.ticks) > 2 else self.ticks
        return len({b - a for a, b in itertools.pairwise(begins)}) == 1

    @property
    def even(self) -> bool:
        """Whether all frames last equally long, the last one to within half as much."""
        first, last = (self.ticks[n + 1] - self.ticks[n] for n in (0, len(self.ticks) - 2))
        return self.constant and 2 * abs(last - first) <= first

    @property
    def _held(self) -> bool:
        """Whether the last frame lasts longer than any other."""
        *others, last = (b - a for a, b in itertools.pairwise(self.ticks))
        return last > max(others, default=last)


def constant_times(rate: Fraction, num_frames: int, start: Fraction = Fraction(0)) -> Times:
    """Exact times of frames at a constant `rate` per second, from `start` seconds on.

    A time base too fine for a file becomes microseconds; rounding errors do not accumulate.
    """
    period = 1 / rate
    base = Fraction(
        gcd(period.numerator * start.denominator, start.numerator * period.denominator),
        period.denominator * start.denominator,
    )
    if max(base.numerator, base.denominator) > _LARGEST:
        return Times(FINEST, [round((start + n * period) / FINEST) for n in range(num_frames + 1)])
    first, step = int(start / base), int(period / base)
    return Times(base, range(first, first + step * num_frames + 1, step))


class Repaired(NamedTuple):
    """Repaired times.

    seconds: rising, one per frame. moved: number of times that differ from the file's. joined:
    several recordings were joined, and each was moved behind the one before.
    """

    seconds: list[Fraction]
    moved: int
    joined: bool


def repair(listed: Sequence[Fraction | None], rate: Fraction) -> Repaired:
    """Rising times (seconds) from a file's times, some of them missing (None), equal or falling.

    Most times are right: the longest rising subsequence stays, and all others are spaced evenly
    between their neighbours. If more than a few consecutive times fall, recordings were joined:
    each one then begins one period of `rate` after the last frame of the one before.
    """
    kept = _rising(listed)
    stay = set(kept)
    wrong = [at is not None and n not in stay for n, at in enumerate(listed)]
    longest = max((len(list(run)) for bad, run in itertools.groupby(wrong) if bad), default=0)
    if longest > _DAMAGE or sum(wrong) >= max(len(kept), 1):
        seconds = _one_after_another(listed, 1 / rate)
        return Repaired(seconds, sum(a != b for a, b in zip(seconds, listed, strict=True)), True)
    return Repaired(_filled(listed, kept, 1 / rate), len(listed) - len(kept), False)


def _rising(listed: Sequence[Fraction | None]) -> list[int]:
    """Indices of the longest rising subsequence of the times; of equal times, the first."""
    tails: list[Fraction] = []  # [k]: smallest last time of a rising row of k + 1 frames
    ends: list[int] = []  # its frame
    before: list[int] = [-1] * len(listed)
    for n, at in enumerate(listed):
        if at is None:
            continue
        k = bisect_left(tails, at)
        if k == len(tails):
            tails.append(at)
            ends.append(n)
        elif at < tails[k]:
            tails[k], ends[k] = at, n
        else:
            continue
        before[n] = ends[k - 1] if k else -1
    row, n = [], ends[-1] if ends else -1
    while n >= 0:
        row.append(n)
        n = before[n]
    return row[::-1]


def _filled(listed: Sequence[Fraction | None], kept: list[int], step: Fraction) -> list[Fraction]:
    """The kept times, the others evenly between; by `step` before the first and after the last."""
    seconds = [at or Fraction(0) for at in listed]
    for left, right in itertools.pairwise(kept):
        each = (seconds[right] - seconds[left]) / (right - left)
        for n in range(left + 1, right):
            seconds[n] = seconds[left] + each * (n - left)
    first, last = (kept[0], kept[-1]) if kept else (0, 0)
    for n in range(first - 1, -1, -1):
        seconds[n] = seconds[n + 1] - step
    for n in range(last + 1, len(listed)):
        seconds[n] = seconds[n - 1] + step
    return seconds


def _one_after_another(listed: Sequence[Fraction | None], step: Fraction) -> list[Fraction]:
    seconds = [max(listed[0] or Fraction(0), Fraction(0))]
    shift = seconds[0] - (listed[0] or Fraction(0))
    for at in listed[1:]:
        if at is None or at + shift <= seconds[-1]:
            seconds.append(seconds[-1] + step)
            shift = shift if at is None else seconds[-1] - at
        else:
            seconds.append(at + shift)
    return seconds


def source_times(
    seconds: Sequence[Fraction],
    tick: Fraction,
    rates: tuple[Fraction, ...],
    last: Fraction | None = None,
) -> Times:
    """Exact times of frames from rising times with a precision of 10 microseconds or a `tick`.

    seconds: begin of each frame. tick: in seconds. rates: estimates, frames per second. If one of
    them, or a common rate, explains all times, it is used: containers round times, .mkv to 1 ms.
    Else times are multiples of `tick`, or of a fraction of it if two would coincide. last: duration
    of the last frame in seconds; None: like the others.
    """
    start, count = seconds[0], len(seconds)
    if any(a >= b for a, b in itertools.pairwise(seconds)):
        raise ValueError("times must rise; see repair")
    usual = (seconds[-1] - start) / (count - 1) if count > 1 else 1 / (*rates, Fraction(25))[0]
    if last is not None and last < usual * _SHORTEST:
        last = None
    for rate in (*map(_nearest_common, rates), *rates, *_common_rates(1 / usual)):
        # a frame that is missing is no rounding, however long a tick is
        tolerance = min(tick + _LISTING, _NO_FRAME / rate) if rate else tick
        if rate and all(abs(at - start - n / rate) <= tolerance for n, at in enumerate(seconds)):
            times = constant_times(rate, count, round(start / tick) * tick)
            held = last is not None and abs(last - 1 / rate) > 2 * tolerance
            return _held(times, last) if held and last is not None else times
    ticks, parts = [round(at / tick) for at in seconds], 1
    if any(a >= b for a, b in itertools.pairwise(ticks)):  # repaired times lie closer than a tick
        parts = 2 ** max(1, (2 * tick / _closest(seconds)).__ceil__().bit_length())
        ticks = [round(at / tick * parts) for at in seconds]
    end = max(1, round((last or usual) / tick * parts))
    return Times(tick / parts, [*ticks, ticks[-1] + end])


def _closest(seconds: Sequence[Fraction]) -> Fraction:
    return min(b - a for a, b in itertools.pairwise(seconds))


def _held(times: Times, last: Fraction) -> Times:
    """`times` with a last frame of `last` seconds, in a base that expresses both exactly."""
    base = Fraction(
        gcd(times.base.numerator * last.denominator, last.numerator * times.base.denominator),
        times.base.denominator * last.denominator,
    )
    if max(base.numerator, base.denominator) > _LARGEST:
        return Times(times.base, [*times.ticks[:-1], times.ticks[-2] + round(last / times.base)])
    ticks = [int(tick * times.base / base) for tick in times.ticks[:-1]]
    return Times(base, [*ticks, ticks[-1] + int(last / base)])


def _common_rates(rate: Fraction) -> tuple[Fraction, Fraction]:
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


def _nearest_common(rate: Fraction) -> Fraction:
    """The nearest common rate: Matroska rounds to nanoseconds, 7001/146 for 48000/1001."""
    near = (
        usual for usual in _common_rates(rate) if abs(usual / rate - 1) < Fraction(5, 10_000_000)
    )
    return next(near, rate)


def stretched_times(source: Times, factor: Fraction) -> Times:
    """Exact times of `rife`'s output frames at `factor`, evenly between those of the source.

    A time base too fine for a file becomes microseconds; rounding errors do not accumulate.
    """
    p, q = factor.numerator, factor.denominator
    end = len(source.ticks) - 2  # the last frame
    ticks = []
    for n in range(Timeline(end + 1, factor).num_frames + 1):
        left = min(n * q // p, end)
        here, there = source.ticks[left], source.ticks[left + 1]
        ticks.append(here * p + (there - here) * (n * q - left * p))
    common = gcd(*ticks)
    base = source.base * common / p
    if max(base.numerator, base.denominator) <= _LARGEST:
        return Times(base, [tick // common for tick in ticks])
    return Times(FINEST, [round(tick * source.base / p / FINEST) for tick in ticks])
