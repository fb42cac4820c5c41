from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.media.timestamps import Times, constant_times, source_times, stretched_times

FILM = Fraction(24000, 1001)
_RATES = st.fractions(min_value=1, max_value=240, max_denominator=1001)


@given(_RATES, st.integers(2, 50), st.fractions(0, 3, max_denominator=90000), _RATES)
def test_constant_times_are_exact_also_when_stretched(rate, count, start, factor):
    times = constant_times(rate, count, start)
    assert [n * times.base for n in times.ticks] == [start + n / rate for n in range(count + 1)]
    longer = stretched_times(times, factor)
    microseconds = longer.base == Fraction(1, 1_000_000)  # where exact ones have too many digits
    assert longer.constant or microseconds
    tolerance = longer.base / 2 if microseconds else 0
    for n, tick in enumerate(longer.ticks):
        assert abs(tick * longer.base - start - n / (rate * factor)) <= tolerance


@given(
    st.lists(st.integers(1, 500), min_size=2, max_size=30),
    st.fractions("1/3", 5, max_denominator=7),
)
def test_stretched_times_lie_evenly_between_those_of_the_source(steps: list[int], factor: Fraction):
    source_ticks = [0, *itertools.accumulate(steps)]
    longer = stretched_times(Times(Fraction(1, 1000), source_ticks), factor)
    for n, tick in enumerate(longer.ticks[:-1]):
        left, rest = divmod(n / factor, 1)
        here, there = source_ticks[left : left + 2]
        assert tick * longer.base == (here + rest * (there - here)) / 1000


@pytest.mark.parametrize("rate", [Fraction(24), FILM, Fraction(60000, 1001), Fraction(25, 2)])
def test_a_constant_rate_is_found_behind_rounded_times(rate: Fraction):
    seconds = [Fraction(round(n / rate * 1000), 1000) for n in range(5000)]
    times = source_times(seconds, Fraction(1, 1000), (rate,))
    assert times.rate == rate
    assert times.constant


@pytest.mark.parametrize("guess", [Fraction(7001, 146), Fraction(30), Fraction(120)])
def test_a_wrong_or_rounded_guess_at_the_rate_does_no_harm(guess: Fraction):
    rate = Fraction(48000, 1001)
    seconds = [Fraction(round(n / rate * 1000), 1000) for n in range(5000)]
    assert source_times(seconds, Fraction(1, 1000), (guess,)).rate == rate


def test_times_that_no_rate_explains_are_kept():
    draw = random.Random(0)
    ticks = list(itertools.accumulate(draw.randrange(20, 60) for _ in range(100)))
    seconds = [Fraction(tick, 1000) for tick in ticks]
    times = source_times(seconds, Fraction(1, 1000), (Fraction(25),))
    assert (times.base, list(times.ticks[:-1])) == (Fraction(1, 1000), ticks)


def test_times_that_do_not_rise_give_way_to_the_frame_rate():
    times = source_times([Fraction(0)] * 5, Fraction(1, 1000), (Fraction(25),))
    assert times == constant_times(Fraction(25), 5)
