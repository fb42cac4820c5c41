"""Tiles cover a picture, share an overlap, and give what the whole picture would."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pixels import PixelWise, planes_of
from vsrife.inference.base import Rhythm
from vsrife.inference.sessions import tiles
from vsrife.inference.sessions.regions import CELL

SIDES = st.integers(16, 3000)
OVERLAPS = st.sampled_from([64, 128, 256])


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, OVERLAPS)
def test_tiles_cover_the_picture_and_neighbours_share_the_overlap(width, height, overlap):
    for tiling in tiles.tilings(width, height, overlap):
        for axis, side in enumerate((width, height)):
            length = tiling.size[axis]
            starts = sorted({place[axis] for place in tiling.places})
            assert starts[0] == 0
            assert all(start % CELL == 0 for start in starts)
            assert side <= starts[-1] + length < side + CELL + (length > side) * CELL
            assert all(b - a <= length - overlap for a, b in pairwise(starts))


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, OVERLAPS)
def test_each_tiling_has_smaller_tiles_than_the_one_before(width, height, overlap):
    areas = [width * height]
    for tiling in tiles.tilings(width, height, overlap):
        areas.append(tiling.size[0] * tiling.size[1])
        assert len(set(tiling.places)) == len(tiling.places) > 1
    assert all(after < before for before, after in pairwise(areas))


def test_large_pictures_can_be_divided_and_small_ones_cannot():
    assert tiles.tilings(3840, 2160, 64)[0].size[0] < 2048
    assert len(tiles.tilings(3840, 2160, 64)) >= 4
    assert tiles.tilings(64, 48, 64) == []


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("count", [3, 4])
def test_a_network_of_single_pixels_gives_the_whole_pictures_frame(number, count):
    width, height = 900, 700
    tiling = tiles.tilings(width, height, 64)[number]
    left, right = planes_of(width, height, 1, count), planes_of(width, height, 2, count)
    whole = PixelWise((width, height))
    wanted = [np.empty_like(plane) for plane in left]
    whole.interpolate(left, right, 0.25, wanted)
    got = [np.full_like(plane, 9) for plane in left]
    sure = tiles.interpolate(PixelWise(tiling.size), tiling, left, right, 0.25, got)
    for a, b in zip(wanted, got, strict=True):
        assert np.abs(a - b).max() < 1e-6  # weights that add up to one, in fp32
    assert sure == pytest.approx(0.5, abs=0.01)


def test_a_step_at_a_tiles_border_is_spread_over_the_overlap():
    """Each tile gives another grey: neighbouring pixels differ by little everywhere."""

    class Greys(PixelWise):
        def interpolate(self, left, right, timestep, into, rhythm=None):
            self.rhythms.append(rhythm)
            for target in into:
                target[:] = len(self.rhythms)

    tiling = tiles.tilings(900, 700, 64)[1]
    planes = planes_of(900, 700, 1)
    into = [np.empty_like(plane) for plane in planes]
    tiles.interpolate(Greys(tiling.size), tiling, planes, planes, 0.5, into)
    greys = len(tiling.places) - 1
    assert {into[0][0, 0], into[0][-1, -1]} == {1, len(tiling.places)}
    for axis in (0, 1):
        assert np.abs(np.diff(into[0], axis=axis)).max() < 3 * greys / 64


def test_motion_in_tiles_is_that_of_the_whole_picture_and_each_tile_gets_its_part():
    width, height = 900, 700
    tiling = tiles.tilings(width, height, 64)[1]
    left = planes_of(width, height, 3)
    whole = PixelWise((width, height)).motion(left, left)[:, :, :88, :113]
    got = tiles.motion(PixelWise(tiling.size), tiling, left, left)
    assert got.shape == whole.shape
    # the last cells hold fewer pixels of the picture, or repeated ones, than those of a tile
    assert np.array_equal(got[:, :, :-1, :-1], whole[:, :, :-1, :-1])
    session = PixelWise(tiling.size)
    into = [np.empty_like(plane) for plane in left]
    tiles.interpolate(session, tiling, left, left, 0.5, into, Rhythm(None, whole, whole))
    for (x, y), rhythm in zip(tiling.places, session.rhythms, strict=True):
        assert rhythm.before is None
        for cells in rhythm[1:]:
            part = whole[:, :, y // CELL :, x // CELL :]
            rows, columns = part.shape[2:]
            seen = cells[:, :, :rows, :columns]
            assert np.array_equal(seen, part[:, :, : seen.shape[2], : seen.shape[3]])
            assert cells.shape[2] == -(-tiling.size[1] // CELL)
