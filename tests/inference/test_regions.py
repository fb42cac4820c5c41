"""Regions: what differs and its margin, from few sizes; joined without a seam."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vsrife.inference.sessions import regions
from vsrife.inference.sessions.regions import CELL, NOTHING, Layout, Region, crop, find_region, join

LAYOUTS = [Layout(128, 96, 32, 8), Layout(150, 70, 16, 8), Layout(90, 200, 32), Layout(33, 17, 32)]
CODE = 1 / 255


@st.composite
def boxes(draw, layout):
    x = draw(st.integers(0, layout.width - 1))
    y = draw(st.integers(0, layout.height - 1))
    width = draw(st.integers(1, layout.width - x))
    height = draw(st.integers(1, layout.height - y))
    return Region(x, y, width, height)


def needed(layout, box):
    """Columns and rows that a region must hold: all at most `margin` pixels from the box."""
    return [
        (max(0, low - layout.margin), min(side, high + layout.margin))
        for low, high, side in (
            (box.x, box.right, layout.width),
            (box.y, box.bottom, layout.height),
        )
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@given(data=st.data())
def test_a_region_is_the_smallest_that_holds_the_box_and_its_margin(layout, data):
    box = data.draw(boxes(layout))
    (left, right), (top, bottom) = needed(layout, box)
    region = layout.around(box)
    # as wide as it must be when it begins at a multiple of CELL
    wide, tall = right - left // CELL * CELL, bottom - top // CELL * CELL
    fitting = [s for s in layout.sizes if s[0] >= wide + CELL and s[1] >= tall + CELL]
    if region is None:
        assert not fitting
        return
    assert region[2:] in layout.sizes
    assert all(region.width * region.height <= w * h for w, h in fitting)
    assert region.x <= left <= right <= region.right
    assert region.y <= top <= bottom <= region.bottom
    assert region.x % CELL == region.y % CELL == 0
    assert min(region.x, region.y) >= 0
    assert region.right <= layout.padded[0]
    assert region.bottom <= layout.padded[1]


@pytest.mark.parametrize("layout", [*LAYOUTS, Layout(640, 360, 64), Layout(1920, 1080, 128)])
def test_sizes_are_few_smaller_than_the_picture_and_what_networks_take(layout):
    assert len(layout.sizes) <= len(regions.SHARES)
    for width, height in layout.sizes:
        assert width % layout.unit == height % layout.unit == 0
        share = layout.share(Region(0, 0, width, height))
        assert share <= regions.WHOLE
        assert share == width * height / np.prod(layout.padded)
    assert Layout(64, 48, 64).sizes == ()  # nothing to save


def frames(layout, *changes, planes=3, dtype=np.float32):
    left = [
        np.random.default_rng(n).random((layout.height, layout.width)).astype(dtype)
        for n in range(planes)
    ]
    right = [plane.copy() for plane in left]
    for plane, y, x, by in changes:
        right[plane][y, x] += dtype(by)
    return left, right


@given(data=st.data())
def test_every_pixel_that_differs_is_in_the_region(data):
    layout = data.draw(st.sampled_from(LAYOUTS))
    point = st.tuples(
        st.integers(0, 3),
        st.integers(0, layout.height - 1),
        st.integers(0, layout.width - 1),
        st.sampled_from([0.25, -0.25, 1e-3]),
    )
    changes = data.draw(st.lists(point, max_size=3))
    left, right = frames(layout, *changes, planes=4)
    region = find_region(layout, left, right, 0.0)
    where = np.argwhere(np.any([a != b for a, b in zip(left, right, strict=True)], axis=0))
    if not len(where):
        assert region == NOTHING
        return
    (y, x), (bottom, right_edge) = where.min(0), where.max(0) + 1
    assert region == layout.around(Region(x, y, right_edge - x, bottom - y))


def test_the_threshold_is_the_largest_difference_that_counts_as_equal():
    layout = LAYOUTS[0]
    left, right = frames(layout, (0, 50, 60, 0.125), (1, 20, 20, -0.5))
    left[0][50, 60], right[0][50, 60] = 0.25, 0.375
    left[1][20, 20], right[1][20, 20] = 0.75, 0.25
    one = layout.around(Region(20, 20, 1, 1))
    assert find_region(layout, left, right, 0.124) != one
    assert find_region(layout, left, right, 0.125) == one
    assert find_region(layout, left, right, 0.499) == one
    assert find_region(layout, left, right, 0.5) == NOTHING


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_differs_from_everything(value, threshold):
    layout = LAYOUTS[0]
    left, right = frames(layout)
    right[2][40, 64] = value
    assert find_region(layout, left, right, threshold) == layout.around(Region(64, 40, 1, 1))
    if np.isnan(value):
        left[2][40, 64] = value
        assert find_region(layout, left, right, threshold) != NOTHING


@pytest.mark.parametrize("region", [Region(8, 16, 32, 16), Region(128, 56, 32, 24)])
def test_a_crop_repeats_the_edge_beyond_the_picture(region):
    layout = LAYOUTS[1]
    planes, _ = frames(layout)
    for plane, cut in zip(planes, crop(planes, region), strict=True):
        whole = np.pad(plane, ((0, 99), (0, 99)), "edge")
        assert np.array_equal(cut, whole[region.y : region.bottom, region.x : region.right])
        assert not np.shares_memory(cut, plane)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@given(data=st.data())
def test_a_joined_picture_is_the_left_one_outside_and_has_no_seam(dtype, data):
    layout = data.draw(st.sampled_from(LAYOUTS[:3]))
    region = layout.around(data.draw(boxes(layout)))
    assume(region is not None)
    left, _ = frames(layout, dtype=dtype)
    new = [np.full((region.height, region.width), k, dtype) for k in (0, 1, 2)]
    into = [np.full_like(plane, 7) for plane in left]
    join(left, new, region, layout.margin, into)
    inside = np.zeros(left[0].shape, bool)
    inside[region.y : region.bottom, region.x : region.right] = True
    y, x = np.mgrid[: layout.height, : layout.width]
    # how many pixels lie between a pixel and the region's border, if that is in the picture
    depths = [np.full(inside.shape, 9999)]
    depths += [x - region.x] if region.x else []
    depths += [y - region.y] if region.y else []
    depths += [region.right - 1 - x] if region.right < layout.width else []
    depths += [region.bottom - 1 - y] if region.bottom < layout.height else []
    depth = np.min(depths, axis=0)
    for plane, fresh, got in zip(left, new, into, strict=True):
        assert np.array_equal(got[~inside], plane[~inside])
        far = inside & (depth >= layout.margin)
        assert (got[far] == fresh[0, 0]).all()
        step = np.abs(got - plane)[inside & (depth == 0)]
        assert step.max(initial=0) <= CODE + np.finfo(dtype).eps * 4
        # further in, from one to the other: never beyond either of them
        low, high = np.minimum(plane, fresh[0, 0]), np.maximum(plane, fresh[0, 0])
        tolerance = np.finfo(dtype).eps * 4
        assert ((got >= low - tolerance) & (got <= high + tolerance))[inside].all()
