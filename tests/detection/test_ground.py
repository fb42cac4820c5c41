"""The shift of the ground between two frames, against grounds that are drawn at any place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsrife.detection.ground import reduced, sampled, shift_between

HEIGHT, WIDTH = 64, 96


def drawn(seed, x=0.0, y=0.0, *, zoom=1.0):
    """Waves of all directions, whose content lies (x, y) pixels further right and down."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] / zoom
    picture = np.zeros((HEIGHT, WIDTH))
    for _ in range(40):
        length, angle, phase = rng.uniform(5, 60), *rng.uniform(0, 2 * np.pi, 2)
        along = (across - x) * np.cos(angle) + (down - y) * np.sin(angle)
        picture += length**0.7 * np.sin(2 * np.pi * along / length + phase)
    return (0.5 + 0.15 * picture / picture.std()).astype(np.float32)


def test_a_shift_is_mostly_found_to_a_tenth_of_a_pixel():
    """What is off by more still explains three quarters of what differs, see `shift_between`."""
    rng, errors = np.random.default_rng(5), []
    for seed in range(50):
        shift = rng.uniform((-14, -9), (14, 9))
        found = shift_between(drawn(seed), drawn(seed, *shift))
        if found is not None:
            errors.append(np.abs(np.array(found) - shift).max())
    assert len(errors) >= 45
    assert np.median(errors) < 0.05
    assert np.quantile(errors, 0.75) < 0.1


@settings(max_examples=6)
@given(st.integers(0, 99), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_hardly_anything_moves_where_hardly_anything_differs(seed, x, y):
    assert shift_between(drawn(seed), drawn(seed, x, y)) == pytest.approx((x, y), abs=0.15)


def test_frames_that_stand_still_do_not_move():
    grain = np.random.default_rng(1).normal(0, 1 / 255, (HEIGHT, WIDTH)).astype(np.float32)
    assert shift_between(drawn(3), drawn(3) + grain) == (0, 0)
    assert shift_between(np.zeros((HEIGHT, WIDTH), np.float32), drawn(3) * 0) == (0, 0)


def test_what_no_shift_explains_has_none():
    halves = drawn(1, 6)
    halves[:, : WIDTH // 2] = drawn(1, -6)[:, : WIDTH // 2]
    rows = np.broadcast_to(np.sin(np.arange(HEIGHT) / 3)[:, None], (HEIGHT, WIDTH))
    for left, right in (
        (drawn(1), drawn(2)),  # a cut
        (drawn(1), halves),
        (drawn(1), drawn(1, zoom=1.2)),
        (drawn(1), 1 - drawn(1)),
        (rows.astype(np.float32), np.roll(rows, 3, 0).astype(np.float32)),  # one direction alone
        (drawn(1)[:8], drawn(1, 3)[:8]),
    ):
        assert shift_between(left, right) is None


def test_places_between_pixels_are_those_of_a_parabola():
    y, x = np.mgrid[0:12, 0:15].astype(np.float32)
    picture = 0.3 * x**2 - 0.2 * y**2 + 0.5 * x * y
    part = sampled(picture, 3.3, 2.6, 8, 6)
    y, x = np.mgrid[0:6, 0:8] + np.array([2.6, 3.3])[:, None, None]
    assert part == pytest.approx(0.3 * x**2 - 0.2 * y**2 + 0.5 * x * y, abs=1e-4)


def test_whole_places_are_the_pixels_and_the_edge_repeats():
    picture = np.random.default_rng(0).random((5, 7, 3), np.float32)
    wide = np.pad(picture, ((4, 4), (6, 6), (0, 0)), mode="edge")
    for x, y in ((0, 0), (-3, 2), (4, -4)):
        assert np.array_equal(sampled(picture, x, y, 8, 6), wide[y + 4 : y + 10, x + 6 : x + 14])


def test_reduced_is_the_mean_of_blocks():
    picture = np.arange(35, dtype=np.float32).reshape(5, 7)
    assert np.array_equal(reduced(picture, 2), [[4, 6, 8], [18, 20, 22]])
    assert np.array_equal(reduced(picture, 1), picture)
