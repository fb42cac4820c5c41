"""Time arithmetic against its definition in exact fractions."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife import timing
from vsrife.errors import ArgumentError
from vsrife.timing import MAX_FRAMES, Timeline

factors = st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=10**6)
lengths = st.integers(2, 10**5)


@given(frames=lengths, factor=factors)
def test_count_is_the_sources_length_at_the_new_rate_rounded_up(frames, factor):
    assert Timeline(frames, factor).num_frames == ceil(frames * factor)


@pytest.mark.parametrize(
    ("frames", "factor", "count"),
    [
        (9, "5/2", 23),
        (7, "1001/400", 18),
        (100, "5/2", 250),
        (2, "4/5", 2),
        (3, "4/5", 3),
        (100, "2", 200),
    ],
)
def test_known_counts(frames, factor, count):
    assert Timeline(frames, Fraction(factor)).num_frames == count


@given(frames=lengths, factor=factors, data=st.data())
def test_every_frame_stands_at_its_number_over_the_factor(frames, factor, data):
    line = Timeline(frames, factor)
    n = data.draw(st.integers(0, line.num_frames - 1))
    place, position = line.place(n), n / factor
    if position >= frames - 1:  # the tail repeats the last frame
        assert (place.left, place.right, place.step) == (frames - 1, frames - 1, 0)
    else:
        assert place.left == floor(position)
        assert place.left + Fraction(place.step, place.steps) == position
        assert place.right == place.left + (place.step > 0)


@given(frames=st.integers(2, 30), factor=factors.filter(lambda f: f < 20))
def test_first_and_last_mark_each_left_frame_once(frames, factor):
    line = Timeline(frames, factor)
    places = [line.place(n) for n in range(line.num_frames)]
    lefts = [place.left for place in places]
    for n, place in enumerate(places):
        assert place.first == (place.left not in lefts[:n])
        assert place.last == (place.left not in lefts[n + 1 :])


def test_film_to_60_is_exact_after_hours():
    line = Timeline(200_000, Fraction(60) / Fraction(24000, 1001))
    assert line.factor == Fraction(1001, 400)
    assert [line.place(n).left for n in (359_999, 360_000)] == [143_855, 143_856]


def test_endless_clips_are_cut_at_what_a_clip_can_hold():
    line = Timeline(MAX_FRAMES, Fraction(1001, 400))
    assert line.num_frames == MAX_FRAMES
    assert line.place(MAX_FRAMES - 1).left == (MAX_FRAMES - 1) * 400 // 1001


def test_a_place_costs_the_same_anywhere_and_for_any_factor():
    """Nothing is built up: as many steps for huge numbers as for small ones."""
    line = Timeline(MAX_FRAMES, Fraction(10**18 + 9, 10**18 + 3))
    assert line.place(2_000_000_000).left == 2_000_000_000 * (10**18 + 3) // (10**18 + 9)


@given(
    num=st.integers(1, 10**6), den=st.integers(1, 10**6), factor=factors, count=st.integers(1, 50)
)
def test_durations_of_a_whole_factor_add_up_exactly(num, den, factor, count):
    duration = Fraction(*timing.scaled_duration(num, den, Fraction(count)))
    assert duration * count == Fraction(num, den)
    assert Fraction(*timing.scaled_duration(num, den, factor)) == Fraction(num, den) / factor


def test_durations_too_long_for_frame_properties_are_rounded():
    num, den = timing.scaled_duration(10**15 + 37, 10**15, Fraction(10**9 + 7, 10**9 + 9))
    assert max(num, den) < 2**63
    assert abs(num / den - 1) < 1e-6


@pytest.mark.parametrize("factor", [0, -1, Fraction(-5, 2)])
def test_factors_that_are_not_positive_are_refused(factor):
    with pytest.raises(ArgumentError, match="factor must be more than 0"):
        Timeline(10, Fraction(factor))


@pytest.mark.parametrize("value", [2, "2", " 2 ", Fraction(2), "4/2", "2.0", np.int64(2)])
def test_rationals_are_read_from_ints_fractions_and_text(value):
    assert timing.rational("factor", value) == 2


@pytest.mark.parametrize("value", [2.5, 0, -1, "0", "1/0", "x", True, None, "nan", "inf"])
def test_other_rationals_are_refused_by_name(value):
    with pytest.raises(ArgumentError, match="fps must be a positive int, Fraction or text"):
        timing.rational("fps", value)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_whole_numbers_are_checked_by_name(value):
    with pytest.raises(ArgumentError, match="factor_num must be at least 1"):
        timing.whole("factor_num", value)


def test_rates_with_too_many_digits_are_refused():
    with pytest.raises(ArgumentError, match="too many digits"):
        timing.output_rate(Fraction(24000, 1001), Fraction(10**18 + 9, 10**18 + 3))
