"""Time arithmetic against its definition in exact fractions."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife import checks
from vsrife.errors import ArgumentError
from vsrife.video import timeline
from vsrife.video.timeline import MAX_FRAMES, Timeline

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
    at, position = line.position(n), n / factor
    if position >= frames - 1:  # the tail repeats the last frame
        assert (at.left, at.right, at.step) == (frames - 1, frames - 1, 0)
    else:
        assert at.left == floor(position)
        assert at.left + Fraction(at.step, at.steps) == position
        assert at.right == at.left + (at.step > 0)


@given(frames=st.integers(2, 30), factor=factors.filter(lambda f: f < 20))
def test_first_and_last_mark_each_left_frame_once(frames, factor):
    line = Timeline(frames, factor)
    positions = [line.position(n) for n in range(line.num_frames)]
    lefts = [at.left for at in positions]
    for n, at in enumerate(positions):
        assert at.first == (at.left not in lefts[:n])
        assert at.last == (at.left not in lefts[n + 1 :])


def test_film_to_60_is_exact_after_hours():
    line = Timeline(200_000, Fraction(60) / Fraction(24000, 1001))
    assert line.factor == Fraction(1001, 400)
    assert [line.position(n).left for n in (359_999, 360_000)] == [143_855, 143_856]
    assert Fraction(line.position(360_000).step, line.position(360_000).steps) == Fraction(
        144, 1001
    )
    assert line.position(359_359)[:3] == (143_600, 143_600, 0)  # every 400th frame stands exactly


def test_endless_clips_are_cut_at_what_a_clip_can_hold():
    assert MAX_FRAMES == 2**31 - 1  # VapourSynth counts frames in an int
    line = Timeline(MAX_FRAMES, Fraction(1001, 400))
    assert line.num_frames == MAX_FRAMES
    assert line.position(MAX_FRAMES - 1).left == (MAX_FRAMES - 1) * 400 // 1001


def test_a_place_costs_the_same_anywhere_and_for_any_factor():
    """Nothing is built up: as many steps for huge numbers as for small ones."""
    line = Timeline(MAX_FRAMES, Fraction(10**18 + 9, 10**18 + 3))
    assert line.position(2_000_000_000).left == 2_000_000_000 * (10**18 + 3) // (10**18 + 9)


def shown_for(lengths, factor, n):
    """The reference: how long output frame n of a variable clip lasts, by integrating over it."""
    begin, end = n / factor, min((n + 1) / factor, len(lengths))
    total, at = Fraction(0), begin
    while at < end:
        until = min(Fraction(floor(at) + 1), end)
        total += (until - at) * lengths[floor(at)]
        at = until
    return total


seconds = st.fractions(Fraction(1, 1000), 2, max_denominator=1001)
lists = st.lists(seconds, min_size=2, max_size=12)
small = st.fractions(Fraction(1, 5), 7, max_denominator=40)


@given(lengths=lists, factor=small)
def test_frames_of_a_variable_clip_share_its_time_exactly(lengths, factor):
    line = Timeline(len(lengths), factor, variable=True)
    total = Fraction(0)
    for n in range(line.num_frames):
        left = line.position(n).left
        known = [lengths[min(left + k, len(lengths) - 1)] for k in range(line.reach)]
        assert line.duration(n, known) == shown_for(lengths, factor, n)
        total += line.duration(n, known)
    assert total == sum(lengths)


@given(length=seconds, factor=factors.filter(lambda f: f > Fraction(1, 5)), n=st.integers(0, 10**6))
def test_frames_of_a_constant_clip_all_last_equally_long(length, factor, n):
    line = Timeline(1000, factor)
    n %= line.num_frames
    assert line.duration(n, [length, length]) == length / factor


@given(length=seconds, factor=factors.filter(lambda f: f < 1), n=st.integers(0, 10**6))
def test_so_they_do_below_factor_one_whatever_those_left_out_say(length, factor, n):
    line = Timeline(1000, factor)
    n %= line.num_frames
    assert line.duration(n, [length, length / 2, 3 * length]) == length / factor


@given(jitter=st.lists(st.sampled_from([41, 42]), min_size=2, max_size=9), factor=st.integers(1, 5))
def test_rounded_durations_of_a_constant_clip_are_shared_exactly(jitter, factor):
    """Matroska says 42, 42, 41 ms for 24 frames per second."""
    lengths = [Fraction(ms, 1000) for ms in jitter]
    line = Timeline(len(lengths), Fraction(factor))
    shared = [
        line.duration(n, [lengths[at.left], lengths[at.right]])
        for n in range(line.num_frames)
        for at in [line.position(n)]
    ]
    assert sum(shared) == sum(lengths)


@given(frames=lengths, factor=factors, data=st.data())
def test_time_passed_since_the_left_frame(frames, factor, data):
    line = Timeline(frames, factor)
    n = data.draw(st.integers(0, line.num_frames - 1))
    assert line.position(n).left + line.passed(n) == n / factor
    assert 0 <= line.passed(n) < 1


@given(lengths=lists, fps=st.fractions(Fraction(1, 3), 60, max_denominator=1001))
def test_a_timetable_puts_every_frame_where_its_time_is(lengths, fps):
    table = timeline.Timetable(lengths, fps)
    starts = [sum(lengths[:k], Fraction(0)) for k in range(len(lengths) + 1)]
    assert table.num_frames == ceil(starts[-1] * fps)
    assert table.rate(Fraction(0)) == fps
    for n in range(min(table.num_frames, 200)):
        time = n / fps
        left = max(k for k in range(len(lengths)) if starts[k] <= time)
        at = table.position(n)
        assert at.left == left
        assert starts[left] + table.passed(n) * lengths[left] == time
        assert table.duration(n, lengths[left : left + 1]) == 1 / fps
        if left == len(lengths) - 1 or starts[left] == time:
            assert (at.right, at.step) == (left, 0)
        else:
            assert at.right == left + 1
            assert Fraction(at.step, at.steps) == table.passed(n)


@given(lengths=lists, fps=st.fractions(1, 60, max_denominator=1001))
def test_first_and_last_of_a_timetable_mark_each_left_frame_once(lengths, fps):
    table = timeline.Timetable(lengths, fps)
    positions = [table.position(n) for n in range(min(table.num_frames, 300))]
    lefts = [at.left for at in positions]
    for n, at in enumerate(positions[:-1]):
        assert at.first == (n == 0 or lefts[n - 1] != lefts[n])
        assert at.last == (lefts[n + 1] != lefts[n])


def test_a_constant_clips_timetable_is_its_timeline():
    table = timeline.Timetable([Fraction(1001, 24000)] * 150_000, Fraction(60))
    line = Timeline(150_000, Fraction(1001, 400))
    assert table.num_frames == line.num_frames
    for n in range(0, line.num_frames, 997):
        ours, theirs = table.position(n), line.position(n)
        assert (ours.left, ours.right, ours.first, ours.last) == (
            theirs.left,
            theirs.right,
            theirs.first,
            theirs.last,
        )
        assert Fraction(ours.step, ours.steps) == Fraction(theirs.step, theirs.steps)


def test_durations_too_long_for_frame_properties_are_rounded():
    num, den = timeline.as_duration(Fraction(10**15 + 37, 10**15) * Fraction(10**9 + 9, 10**9 + 7))
    assert max(num, den) < 2**63
    assert abs(num / den - 1) < 1e-6


def test_a_variable_clip_may_be_thinned_out_to_a_frame_of_500():
    assert Timeline(1000, Fraction(1, 500), variable=True).num_frames == 2


def test_a_variable_clips_output_has_no_rate():
    assert Timeline(10, Fraction(2), variable=True).rate(Fraction(25)) == 0
    assert Timeline(10, Fraction(2)).rate(Fraction(25)) == 50


def test_a_variable_clip_is_not_thinned_out_without_end():
    with pytest.raises(ArgumentError, match="factor must be at least 1/500"):
        Timeline(10, Fraction(1, 501), variable=True)


@pytest.mark.parametrize("factor", [0, -1, Fraction(-5, 2)])
def test_factors_that_are_not_positive_are_refused(factor):
    with pytest.raises(ArgumentError, match="factor must be more than 0"):
        Timeline(10, Fraction(factor))


@pytest.mark.parametrize("value", [2, "2", " 2 ", Fraction(2), "4/2", "2.0", np.int64(2)])
def test_rationals_are_read_from_ints_fractions_and_text(value):
    assert checks.rational("factor", value) == 2


@pytest.mark.parametrize("value", [2.5, 0, -1, "0", "1/0", "x", True, None, "nan", "inf"])
def test_other_rationals_are_refused_by_name(value):
    with pytest.raises(ArgumentError, match="fps must be a positive int, Fraction or text"):
        checks.rational("fps", value)


@pytest.mark.parametrize("value", ["1e99999999", "1E-99999999", "1.5e+1_0000"])
def test_long_exponents_are_refused_before_they_are_written_out(value):
    with pytest.raises(ArgumentError, match="factor has too many digits"):
        checks.rational("factor", value)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_whole_numbers_are_checked_by_name(value):
    with pytest.raises(ArgumentError, match="factor_num must be at least 1"):
        checks.whole("factor_num", value)


def test_rates_with_too_many_digits_are_refused():
    with pytest.raises(ArgumentError, match="too many digits"):
        timeline.output_rate(Fraction(24000, 1001), Fraction(10**18 + 9, 10**18 + 3))
