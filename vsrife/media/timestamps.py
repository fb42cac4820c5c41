"""When frames are shown: exact times, in whole ticks of a time base. Standard library only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import NamedTuple

from vsrife.video.timeline import Timeline

FINEST = Fraction(1, 1_000_000)
_LARGEST = 2**31 - 1  # a file's time base is a pair of 32 bits


class Times(NamedTuple):
    """Frame n begins at `ticks[n] * base` seconds; the last tick is the end of the last frame."""

    base: Fraction
    ticks: Sequence[int]

    @property
    def rate(self) -> Fraction:
        """Frames per second; the mean where it varies."""
        return Fraction(len(self.ticks) - 1, self.ticks[-1] - self.ticks[0]) / self.base

    @property
    def constant(self) -> bool:
        return len({b - a for a, b in itertools.pairwise(self.ticks)}) == 1


def constant_times(rate: Fraction, num_frames: int, start: Fraction = Fraction(0)) -> Times:
    """Times of frames at a constant `rate` per second from `start` seconds on, exact."""
    period = 1 / rate
    base = Fraction(
        gcd(period.numerator * start.denominator, start.numerator * period.denominator),
        period.denominator * start.denominator,
    )
    first, step = int(start / base), int(period / base)
    return Times(base, range(first, first + step * num_frames + 1, step))


def source_times(seconds: list[Fraction], tick: Fraction, rates: tuple[Fraction, ...]) -> Times:
    """Exact times of frames whose times are known to 10 microseconds or a `tick` (seconds).

    seconds: when each begins. rates: guesses at the frame rate; if one of them, or a usual rate,
    explains all times, it is meant: containers round times, to 1 ms in .mkv. Else times vary, and
    are multiples of `tick`. Where they do not even rise, there is only the first rate to go by.
    """
    start, count = seconds[0], len(seconds)
    rises = all(a < b for a, b in itertools.pairwise(seconds))
    if count > 1 and rises:
        mean = (count - 1) / (seconds[-1] - start)
        tolerance = tick + Fraction(1, 100_000)
        for rate in (*map(_snapped, rates), *rates, *_usual(mean)):
            if rate and all(
                abs(at - start - n / rate) <= tolerance for n, at in enumerate(seconds)
            ):
                return constant_times(rate, count, round(start / tick) * tick)
        ticks = [round(at / tick) for at in seconds]
        return Times(tick, [*ticks, ticks[-1] + max(1, round(1 / mean / tick))])
    return constant_times(rates[0] if rates else Fraction(25), count, max(start, Fraction(0)))


def _usual(rate: Fraction) -> tuple[Fraction, Fraction]:
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


def _snapped(rate: Fraction) -> Fraction:
    """The usual rate that is meant: Matroska keeps whole nanoseconds, 7001/146 for 48000/1001."""
    near = (usual for usual in _usual(rate) if abs(usual / rate - 1) < Fraction(5, 10_000_000))
    return next(near, rate)


def stretched_times(source: Times, factor: Fraction) -> Times:
    """Times of `rife`'s output frames at `factor`: evenly between those of the source, exact.

    A time base too fine for a file is replaced by microseconds; the rounding does not add up.
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
