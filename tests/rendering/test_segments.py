from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.media.timestamps import Times, constant_times, stretched_times
from vsrife.rendering import segments

_NUMBERS = st.integers(0, 3000)


@given(_NUMBERS, st.integers(1, 3000), st.lists(_NUMBERS), st.integers(1, 500))
def test_segments_cover_every_frame_once_and_are_not_too_long(first, count, scenes, most):
    found = segments.borders(first, first + count, scenes, most)
    lengths = [b - a for a, b in itertools.pairwise(found)]
    assert (found[0], found[-1]) == (first, first + count)
    assert all(1 <= length <= most for length in lengths)
    # fewer than a quarter of the longest: only at the end
    assert all(length >= max(1, most // 4) for length in lengths[:-1])


def test_a_segment_ends_at_the_last_scene_change_in_reach():
    assert segments.borders(0, 300, [10, 60, 90, 130, 299], 100) == [0, 90, 130, 230, 300]


@pytest.mark.parametrize(
    ("rate", "work", "device", "most"),
    [
        (Fraction(60), 1e9, False, 600),  # 10 s
        (Fraction(60), 60e9, False, 100),  # a minute at 1e11 a second
        (Fraction(60), 60e9, True, 600),
        (Fraction(60), 1e13, False, 12),
    ],
)
def test_a_segment_is_ten_seconds_of_film_or_a_minute_of_work(rate, work, device, most):
    assert segments.longest(rate, work, on_device=device) == most


@pytest.mark.parametrize("factor", [Fraction(2), Fraction(5, 2), Fraction(1, 2), Fraction(1)])
@pytest.mark.parametrize("variable", [False, True])
def test_a_scene_begins_with_the_first_frame_that_is_not_before_it(factor, variable):
    ticks = [0, 3, 4, 9, 10, 20, 21, 22, 40, 41, 42]
    source = Times(Fraction(1, 30), ticks) if variable else constant_times(Fraction(24), 10)
    out = stretched_times(source, factor)
    seconds = [tick * out.base for tick in out.ticks]
    for cut in range(9):
        (start,) = segments.starts_of_scenes([cut], source, out)
        begin = source.ticks[cut + 1] * source.base
        assert seconds[start] >= begin
        assert start == 0 or seconds[start - 1] < begin


def test_a_cut_after_the_last_frame_begins_no_scene():
    times = constant_times(Fraction(24), 10)
    assert segments.starts_of_scenes([9], times, times) == []
