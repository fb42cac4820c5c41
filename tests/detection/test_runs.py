"""Runs of duplicates and bad frames against their definition, read off a whole film at once."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.detection.runs import (
    BAD,
    CUT_AFTER,
    INSIDE,
    REPEATS,
    THRESHOLD,
    Runs,
    Segment,
    is_duplicate,
)

R, C, B = REPEATS, CUT_AFTER, BAD
# Mostly repeats, so that runs of every length come up
marks = st.lists(st.sampled_from([0, R, R, R, C, R | C, B, B | R, B | C, B | R | C]), min_size=1)
spans = st.integers(1, 6)


class Film(NamedTuple):
    """marks: the bits of each frame but for `INSIDE`. The first frame repeats nothing."""

    marks: list[int]

    def seen_from(self, at: int) -> Callable[[int], int]:
        def around(k: int) -> int:
            n = at + k
            if not 0 <= n < len(self.marks):
                return 0
            return INSIDE | (self.marks[n] if n else self.marks[n] & ~R)

        return around

    def drawings(self, span: int) -> list[tuple[int, int]]:
        """Of each frame: first frame of its drawing, and first frame after it."""
        starts = [0]
        for n in range(1, len(self.marks)):
            before, here = self.marks[n - 1], self.marks[n]
            if not here & R or here & B or before & (C | B):
                starts.append(n)
        found = []
        for begin, end in zip(starts, [*starts[1:], len(self.marks)], strict=True):
            whole = end - begin <= span
            found += [(begin, end) if whole else (n, n + 1) for n in range(begin, end)]
        return found

    def moves(self, end: int) -> bool:
        """Whether anything may be drawn between frames end - 1 and `end`."""
        if not 1 <= end < len(self.marks):
            return False
        return not self.marks[end - 1] & (C | B) and not self.marks[end] & B


def shifted(begin: Fraction, end: Fraction, left: int, right: int, by: int) -> Segment:
    return Segment(begin - by, end - by, left - by, right - by)


@given(film=st.builds(Film, marks), span=spans)
def test_a_drawing_is_what_repeats_up_to_the_longest_run(film, span):
    for at, (begin, end) in enumerate(film.drawings(span)):
        assert Runs(film.seen_from(at), span).run(0) == (begin - at, end - at)


@given(film=st.builds(Film, marks), span=spans)
def test_runs_of_other_frames_are_found_from_here(film, span):
    """As far as a decision reads: `span` frames of the run, and one on each side."""
    drawings = film.drawings(span)
    for at in range(len(drawings)):
        for k in range(-span, span + 1):
            if 0 <= at + k < len(drawings):
                begin, end = drawings[at + k]
                assert Runs(film.seen_from(at), span).run(k) == (begin - at, end - at)


@given(film=st.builds(Film, marks), span=spans)
def test_drawings_at_the_first_frame_of_their_runs(film, span):
    for at, (begin, end) in enumerate(film.drawings(span)):
        found = Runs(film.seen_from(at), span).from_first()
        if end - begin > 1 and film.moves(end):
            assert found == shifted(Fraction(begin), Fraction(end), begin, end, at)
        else:
            assert found is None


@given(film=st.builds(Film, marks), span=spans, time=st.fractions(0, Fraction(99, 100)))
def test_drawings_in_the_middle_of_their_runs(film, span, time):
    drawings = film.drawings(span)
    for at, (begin, end) in enumerate(drawings):
        found = Runs(film.seen_from(at), span).from_centre(time)
        middle = Fraction(begin + end - 1, 2)
        border = begin if at + time < middle else end
        if not film.moves(border):
            assert found is None
            continue
        left, right = drawings[border - 1], drawings[border]
        times = [Fraction(a + b - 1, 2) for a, b in (left, right)]
        shown = [a + (b - a - 1) // 2 for a, b in (left, right)]
        assert found == shifted(*times, *shown, at)
        assert found.begin <= time < found.end


@given(film=st.builds(Film, marks), reach=st.integers(1, 4))
def test_bad_frames_lie_between_the_nearest_good_ones(film, reach):
    good = [n for n, mark in enumerate(film.marks) if not mark & B]
    for at in range(len(film.marks)):
        found = Runs(film.seen_from(at), 1).around_bad(reach)
        left = max((n for n in good if n <= at), default=None)
        right = min((n for n in good if n > at), default=None)
        concerns = any(mark & B for mark in film.marks[at : at + 2])
        if not concerns or left is None or right is None or right - left - 1 > reach:
            assert found is None
        else:
            assert found == shifted(Fraction(left), Fraction(right), left, right, at)


@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.0012, 0.25])
def test_both_limits_of_a_duplicate_belong_to_it(threshold):
    peak = 8 * threshold
    assert is_duplicate(threshold, peak, threshold)
    assert not is_duplicate(threshold + 1e-9, peak, threshold)
    assert not is_duplicate(threshold, peak + 1e-9, threshold)


def test_the_threshold_is_three_tenths_of_a_step_of_8_bits():
    assert pytest.approx(0.3 / 255, rel=0.03) == THRESHOLD


def test_the_bits_of_a_frame_are_apart():
    bits = [INSIDE, REPEATS, CUT_AFTER, BAD]
    assert sum(bits) == 15
    assert all(bit.bit_count() == 1 for bit in bits)
