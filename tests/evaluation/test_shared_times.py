"""Frames that are shown at the same time, against a search through all pairs."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.evaluation.compare.shared_times import shared_frames
from vsrife.media.timestamps import Times, constant_times, stretched_times

NTSC = Fraction(24000, 1001)
RATES = [Fraction(24), Fraction(25), NTSC, Fraction(60000, 1001), Fraction(12), Fraction(240)]


def in_milliseconds(times: Times) -> Times:
    """As .mkv has them."""
    return Times(Fraction(1, 1000), [round(tick * times.base * 1000) for tick in times.ticks])


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("factor", ["2", "3", "5/2", "1001/400", "4/5", "10"])
def test_a_source_and_its_smooth_version_share_the_frames_that_were_kept(factor, rounded):
    """Closed form: output frame n is source frame n / factor, where that is whole."""
    source, ratio = constant_times(NTSC, 2500), Fraction(factor)
    smooth = stretched_times(source, ratio)
    films = [in_milliseconds(each) if rounded else each for each in (source, smooth)]
    kept = [(n, int(n * ratio)) for n in range(2500) if (n * ratio).denominator == 1]
    kept = [pair for pair in kept if pair[1] < len(smooth.ticks) - 1]
    found = shared_frames(films)
    assert set(kept) <= set(found)
    for n, k in set(found) - set(kept):  # frames that happen to begin within 2 ms
        far = abs(Fraction(k) / ratio - n) / NTSC
        assert far <= Fraction(3 if rounded else 2, 1000)


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.integers(0, 5000),
)
def test_any_times_are_paired_as_a_search_through_all_pairs_does(one, other, later):
    films = [
        Times(Fraction(1, 1000), ticks_of(steps, at)) for steps, at in ((one, 0), (other, later))
    ]
    most = min(Fraction(2, 1000), Fraction(1, 4) / max(times.rate for times in films))
    begins = [[(t - times.ticks[0]) * times.base for t in times.ticks[:-1]] for times in films]
    found = shared_frames(films)
    for n, at in enumerate(begins[0]):
        near = [abs(each - at) for each in begins[1]]
        pairs = [k for m, k in found if m == n]
        if min(near) <= most:
            assert [near[k] for k in pairs] == [min(near)]
        else:
            assert not pairs


def ticks_of(steps: list[int], begin: int) -> list[int]:
    ticks = [begin]
    for step in steps:
        ticks.append(ticks[-1] + step)
    return ticks


@pytest.mark.parametrize("rate", RATES)
def test_a_film_shares_every_frame_with_itself_wherever_it_begins(rate):
    films = [
        constant_times(rate, 50),
        constant_times(rate, 40, Fraction(7, 3)),
        constant_times(rate, 60),
    ]
    assert shared_frames(films) == [(n, n, n) for n in range(40)]
