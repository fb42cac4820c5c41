from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.media.timestamps import Times, constant_times, stretched_times
from vsrife.rendering.jobs import segments

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
    ("count", "work", "device", "most"),
    [
        (432_000, 1e9, False, 600),  # two hours at 60 per second: 10 s
        (432_000, 60e9, False, 100),  # a minute at 1e11 a second
        (432_000, 60e9, True, 600),
        (432_000, 1e13, False, 12),
        (9600, 1e9, False, 300),  # a 32nd of the film
        (864, 1e9, False, 108),  # 2 s, of which 8 segments are needed
        (120, 1e9, False, 120),  # a whole film
    ],
)
def test_the_longest_segment_is_some_seconds_a_share_of_the_film_or_a_minute_of_work(
    count, work, device, most
):
    assert segments.longest(count, Fraction(60), work, on_device=device) == most


def test_an_encoder_that_obeys_a_bitrate_gets_longer_segments():
    rate = Fraction(60)
    assert segments.longest(864, rate, 1e9, on_device=False, bitrate=True) == 600
    assert segments.longest(864, rate, 60e9, on_device=False, bitrate=True) == 100


def finish_of_the_last(lengths, workers):
    """Frames that the busiest worker makes, if each takes the longest segment that is left."""
    busy = [0] * workers
    for length in sorted(lengths, reverse=True):
        busy[busy.index(min(busy))] += length
    return max(busy)


@given(
    st.integers(10, 7200),
    st.sampled_from([Fraction(24000, 1001), Fraction(60)]),
    st.lists(st.floats(0, 1), max_size=40),
    st.sampled_from([2, 4]),
)
def test_no_worker_is_idle_for_long_at_the_end(seconds, rate, cuts, workers):
    count = int(seconds * rate)
    most = segments.longest(count, rate, 1e9, on_device=False)
    scenes = [int(share * count) for share in cuts]
    lengths = [b - a for a, b in itertools.pairwise(segments.borders(0, count, scenes, most))]
    last = finish_of_the_last(lengths, workers)
    # at most as long as one segment takes: by the last one
    assert last - count / workers <= most
    assert most <= max(2 * rate, count / 32) + 1
    if not cuts and count > most > 12:
        # evenly: each segment but the last one is rounded up
        assert last - count / workers < len(lengths) / workers


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
