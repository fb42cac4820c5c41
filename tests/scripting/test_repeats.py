"""The rhythm of repeats, against films whose runs are known."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.scripting.choices import usual_rate
from vsrife.scripting.examine import windows_of
from vsrife.scripting.repeats import STATIC, find_rhythm

FILMS = {
    "none": [1] * 60,
    "twos": [2] * 30,
    "threes": [3] * 20,
    "fours": [4] * 15,
    "3:2": [3, 2] * 12,
    "pulldown": [2, 1, 1, 1] * 12,
    "mixed": [1, 2, 3, 1, 4, 2, 3, 2, 2, 1, 3, 4, 2, 1, 3],
    "pairs": [1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1],
    "still": [1] * 40 + [7, 9, 2, 5, 8, 3],
    "few": [1] * 70 + [2] + [1] * 10,
    "unknown": [1, 1, 1],
}


def flags(runs: list[int]) -> list[bool]:
    return [at > 0 for run in runs for at in range(run)]


@pytest.mark.parametrize("kind", FILMS)
def test_each_rhythm_is_recognised(kind):
    assert find_rhythm([flags(FILMS[kind])]).kind == kind


@pytest.mark.parametrize("kind", [k for k in FILMS if k not in ("unknown", "few")])
@given(data=st.data())
def test_it_does_not_depend_on_where_the_windows_are_cut(kind, data):
    """But for a run at each edge; what stands still for long counts for nothing."""
    once = flags(FILMS[kind])
    film = [*once, *flags([STATIC + 20]), *once, *once, *once]
    cut = data.draw(st.integers(len(film) // 3, 2 * len(film) // 3))
    assert find_rhythm([film[:cut], film[cut:]]).kind == kind


@given(st.lists(st.lists(st.booleans(), max_size=40), max_size=4))
def test_any_flags_have_a_rhythm_and_a_share(windows):
    found = find_rhythm(windows)
    assert 0 <= found.share < 1
    assert 0 <= found.frames <= sum(map(len, windows))


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_first_frame_of_a_window_says_nothing(window):
    assert find_rhythm([window]) == find_rhythm([[not window[0], *window[1:]]])


@given(st.integers(2, 100_000), st.integers(2, 500))
def test_sampled_stretches_lie_in_the_film_and_do_not_overlap(count, sample):
    found = windows_of(count, sample)
    assert found[0][0] >= 0
    assert found[-1][1] <= count
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert 2 <= sum(end - begin for begin, end in found) <= max(sample, 2)
    if count <= sample:
        assert found == [(0, count)]


@pytest.mark.parametrize(
    ("rate", "usual"),
    [
        ("59.07", "60"),
        ("59.94", "60000/1001"),
        ("47.96", "48000/1001"),
        ("33", "30"),
        ("400", "240"),
    ],
)
def test_a_rate_that_varies_becomes_one_that_players_know(rate, usual):
    assert usual_rate(Fraction(rate)) == Fraction(usual)
