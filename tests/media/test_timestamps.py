from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.media.timestamps import (
    Times,
    constant_times,
    repair,
    source_times,
    stretched_times,
)

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


@pytest.mark.parametrize(
    ("ticks", "even"),
    [
        ([0, 10, 20, 30], True),
        ([0, 10, 20, 35], True),
        ([0, 10, 20, 36], False),
        ([0, 10, 20, 25], True),
        ([0, 10, 20, 24], False),
        ([0, 10, 21, 31], False),
        ([0, 10], True),
    ],
)
def test_the_last_frame_counts_for_an_even_rate(ticks: list[int], even: bool):
    assert Times(Fraction(1, 100), ticks).even == even


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


MS = Fraction(1, 1000)


def _mended(listed: list[int | None], rate: int = 25) -> tuple[list[Fraction], int, bool]:
    seconds, moved, joined = repair(
        [None if at is None else at * MS for at in listed], Fraction(rate)
    )
    return [at / MS for at in seconds], moved, joined


def test_rising_times_stay_as_they_are():
    assert _mended([0, 16, 83, 99]) == ([0, 16, 83, 99], 0, False)


def test_an_equal_time_is_put_between_its_neighbours():
    assert _mended([0, 40, 40, 100, 130]) == ([0, 40, 70, 100, 130], 1, False)
    assert _mended([0, 0, 42, 83]) == ([0, 21, 42, 83], 1, False)


def test_one_time_that_falls_back_moves_no_other():
    listed = [*range(0, 400, 40), 3, *range(440, 800, 40)]
    assert _mended(listed) == ([*range(0, 800, 40)], 1, False)


def test_one_time_far_ahead_moves_no_other():
    listed = [0, 40, 80, 9000, 160, 200, 240]
    assert _mended(listed) == ([0, 40, 80, 120, 160, 200, 240], 1, False)


def test_a_gap_stays():
    assert _mended([0, 40, 1000, 1040])[0] == [0, 40, 1000, 1040]


def test_missing_times_are_put_between_those_known():
    assert _mended([None, 40, None, None, 160, None]) == ([0, 40, 80, 120, 160, 200], 4, False)


def test_where_no_time_is_known_frames_follow_at_the_rate():
    assert _mended([None] * 4, 20) == ([0, 50, 100, 150], 4, False)


def test_a_second_recording_keeps_its_own_times_after_the_first():
    first, second = [0, 10, 50, 60, 100, 110], [5, 25, 45, 95, 105, 115]
    seconds, _, joined = _mended(first + second)
    assert joined
    assert seconds == [*first, *(at - 5 + 150 for at in second)]


def test_times_that_are_all_equal_give_way_to_the_frame_rate():
    seconds, _, joined = _mended([0] * 5)
    assert joined
    times = source_times([at * MS for at in seconds], MS, (Fraction(25),))
    assert times == constant_times(Fraction(25), 5)


@given(st.lists(st.none() | st.integers(-50, 5000), min_size=1, max_size=60))
def test_mended_times_always_rise_and_give_whole_ticks(listed: list[int | None]):
    seconds, _, _ = repair([None if at is None else at * MS for at in listed], Fraction(25))
    assert len(seconds) == len(listed)
    assert all(a < b for a, b in itertools.pairwise(seconds))
    times = source_times(seconds, MS, (Fraction(25),))
    assert all(a < b for a, b in itertools.pairwise(times.ticks))
    assert all(
        abs(tick * times.base - at) <= MS * 3
        for tick, at in zip(times.ticks, seconds, strict=False)
    )


@pytest.mark.parametrize("ticks", [[0, 40, 80, 120], [0, 16, 83, 99]])
def test_the_last_frame_lasts_as_long_as_the_file_says(ticks: list[int]):
    times = source_times([at * MS for at in ticks], MS, (Fraction(25),), last=3 * Fraction(1))
    begins = [tick * times.base for tick in times.ticks]
    assert begins[:-1] == [at * MS for at in ticks]
    assert begins[-1] - begins[-2] == 3
    assert times.constant == (ticks[1] == 40)
    assert times.rate == Fraction(3000, ticks[-1])


@pytest.mark.parametrize("last", [Fraction(0), Fraction(1, 10240), Fraction(-1)])
def test_a_last_length_that_nobody_knew_is_as_the_others(last: Fraction):
    times = source_times([n * 40 * MS for n in range(4)], MS, (Fraction(25),), last=last)
    assert times == constant_times(Fraction(25), 4)


def test_a_varying_film_has_as_many_frames_as_its_length_asks_for():
    """65 frames in 2.2 s, the first one longer, at 60 fps; the last one is 33 ms long, not 34."""
    begins = [0, *(67 + round(n * 100 / 3) for n in range(64))]
    times = Times(MS, [*begins, 2200])
    made = stretched_times(times, 60 / times.rate)
    assert len(made.ticks) - 1 == 132
    assert made.ticks[-1] * made.base == Fraction("2.2")


@pytest.mark.parametrize("rate", [4, 24, 25])
def test_a_missing_frame_is_no_rounding_however_coarse_times_are(rate: int):
    """As in .mp4 and .avi whose ticks are as long as their frames."""
    tick = Fraction(1, rate)
    seconds = [n * tick for n in (*range(12), *range(13, 25))]
    times = source_times(seconds, tick, (Fraction(rate),))
    assert [t * times.base for t in times.ticks] == [*seconds, 25 * tick]


def test_a_rate_of_many_digits_has_times_that_a_file_can_hold():
    rate, start = Fraction(239761, 10000), Fraction(17, 90000)
    times = constant_times(rate, 5000, start)
    assert max(times.base.numerator, times.base.denominator) < 2**31
    assert len(times.ticks) == 5001
    for n, tick in enumerate(times.ticks):
        assert abs(tick * times.base - start - n / rate) <= times.base / 2
