"""Which times come out, against a plain enumeration."""

from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.errors import ArgumentError
from vsrife.images.asking import read
from vsrife.images.positions import positions

FACTORS = st.fractions(min_value=Fraction(1, 9), max_value=9, max_denominator=9)


def taken(times, frames, loop=False):
    """All times of a run, taken as a stream does."""
    found = []
    for k in range(frames):
        found += [k + t for t in times.at(k)]
        if k + 1 < frames or loop:
            found += [k + t for t in times.between(k)]
    times.finish(frames if loop else frames - 1)
    return found


@given(FACTORS, st.integers(1, 9), st.booleans())
def test_a_factor_gives_every_multiple_of_its_inverse(factor, frames, loop):
    found = taken(positions(read({"factor": factor, "loop": loop}), None), frames, loop)
    n, expected = 0, []
    while n / factor < frames if loop else n / factor <= frames - 1:
        expected.append(n / factor)
        n += 1
    assert found == expected


@pytest.mark.parametrize("factor", [1, 2, 3, 8])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_whole_factor_gives_as_many_frames_as_promised(factor, frames):
    for loop, expected in ((False, (frames - 1) * factor + 1), (True, frames * factor)):
        times = positions(read({"factor": factor, "loop": loop}), None)
        assert len(taken(times, frames, loop)) == expected


@given(st.integers(1, 40), st.integers(1, 9), st.booleans())
def test_a_count_gives_so_many_from_the_first_to_the_last_frame(count, frames, loop):
    found = taken(positions(read({"count": count, "loop": loop}), frames), frames, loop)
    assert len(found) == count
    assert found[0] == 0
    steps = {b - a for a, b in pairwise(found)}
    assert len(steps) <= 1
    if loop and count > 1:
        assert found[-1] + steps.pop() == frames
    elif count > 1:
        assert found[-1] == frames - 1


def test_timesteps_lie_between_each_pair():
    found = taken(positions(read({"timesteps": [0.25, Fraction(2, 3)]}), None), 3)
    assert found == [0, 0.25, Fraction(2, 3), 1, 1.25, Fraction(5, 3), 2]


def test_each_pair_has_its_own_factor():
    found = taken(positions(read({"factor": [2, 1, 4]}), None), 4)
    assert found == [0, 0.5, 1, 2, 2.25, 2.5, 2.75, 3]
    found = taken(positions(read({"factor": [2, 1, 3], "loop": True}), None), 3, loop=True)
    assert found == [0, 0.5, 1, 2, 2 + Fraction(1, 3), 2 + Fraction(2, 3)]


@given(st.lists(st.floats(0, 6), min_size=1, max_size=20))
def test_listed_times_come_out_as_they_are(given_times):
    wanted = sorted(given_times)
    found = taken(positions(read({"times": wanted}), 7), 7)
    assert [float(t) for t in found] == pytest.approx(wanted, abs=2e-9)


def test_a_float_that_misses_a_frame_by_rounding_is_that_frame():
    assert 0.1 * 3 * 10 != 3
    assert taken(positions(read({"times": [0.1 * 3 * 10]}), 4), 4) == [3]


def test_a_function_gives_times_until_it_says_none_or_frames_end():
    asked = []

    def ramp(n):
        asked.append(n)
        return n * n / 8

    assert taken(positions(read({"times": ramp}), None), 3) == [n * n / 8 for n in range(5)]
    assert asked == list(range(6))  # each once, in order, the one beyond the end last
    assert taken(positions(read({"times": lambda n: n if n < 2 else None}), None), 5) == [0, 1]


@pytest.mark.parametrize(
    ("options", "done"),
    [({"times": [0, 0.5]}, True), ({"factor": 2}, False), ({"factor": [2]}, False)],
)
def test_frames_after_the_last_time_are_not_needed_if_times_may_end(options, done):
    times = positions(read(options), None)
    assert list(islice(times.at(0), 1)) == [0]
    assert list(times.between(0)) == [0.5]
    assert times.done == done


WRONG = [
    ({"count": 9}, None, "count=9 needs the number of frames"),
    ({"times": [0, 5]}, 5, "times must end at 4, the last frame, not at 5"),
    ({"times": [0, 5], "loop": True}, 5, "times must end at 5"),
    ({"factor": [2, 2]}, 2, "one number for each pair of frames, 1 in all, not 2"),
]


@pytest.mark.parametrize(("options", "frames", "message"), WRONG)
def test_what_cannot_fit_is_said_beforehand(options, frames, message):
    with pytest.raises(ArgumentError, match=message):
        positions(read(options), frames)


@pytest.mark.parametrize(
    ("options", "frames", "message"),
    [
        ({"times": [0, 5]}, 3, "times must end at 2"),
        ({"factor": [2, 2]}, 2, "one number for each pair of frames, 1 in all; it has more"),
        ({"factor": [2]}, 4, "not 1 in all; there are more pairs"),
        ({"times": lambda n: 1 - n}, 3, r"times\(1\) must be None or a number of at least 1"),
        ({"times": lambda n: "now"}, 3, r"times\(0\) must be None or a number .* not 'now'"),
        ({"times": lambda n: float("nan")}, 3, r"times\(0\)"),
    ],
)
def test_what_does_not_fit_is_said_when_it_is_seen(options, frames, message):
    with pytest.raises(ArgumentError, match=message):
        taken(positions(read(options), None), frames)
