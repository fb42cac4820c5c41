"""Scores of scene changes against their definition, written out frame by frame."""

import itertools

import numpy as np
import pytest

from vsrife.detection import cuts, luma

BLACK = np.zeros(40, np.float32)


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return 0 if size == 0 else (a * b).sum() / size


def apart(a, b):
    """How different two thumbnails are; a change of gain and offset alone counts as none."""
    return np.abs(a - b).mean() * (1 - min(max(correlation(a, b), 0), 1))


def score(thumbnails):
    """The score as the docstring has it, one pair of thumbnails at a time."""
    t = np.asarray(thumbnails, np.float64)
    separation = min(apart(t[i], t[j]) for i in range(3) for j in range(3, 6))
    steps = [apart(a, b) + abs(b.mean() - a.mean()) for a, b in itertools.pairwise(t)]
    motion = max(min(steps[0], steps[1]), min(steps[3], steps[4]))
    x = separation / (0.009 + 1.4 * motion)
    return x / (x + 17 / 3)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [0.01, 0.1, 1])
def test_the_adaptive_score_is_its_definition(seed, size):
    draw = np.random.default_rng(seed)
    scene = draw.random((2, 40))  # one before, one after; sizes of motion differ on both sides
    moved = draw.random((6, 40)) * size * np.repeat(draw.random(2), 3)[:, None]
    thumbnails = (scene[[0, 0, 0, 1, 1, 1]] + moved).astype(np.float32)
    assert cuts.scene_score(thumbnails) == pytest.approx(score(thumbnails), rel=1e-4)


@pytest.mark.parametrize("place", range(1, 6))
def test_a_cut_scores_in_the_middle_only(place):
    draw = np.random.default_rng(place)
    scene = draw.random((2, 400)).astype(np.float32)
    thumbnails = scene[[int(n >= place) for n in range(6)]]
    found = cuts.scene_score(thumbnails)
    assert found == pytest.approx(score(thumbnails), rel=1e-4)
    assert (found > cuts.THRESHOLD) == (place == 3)


def test_flat_frames_have_no_correlation_and_differ_by_their_luma():
    thumbnails = np.stack([BLACK] * 3 + [BLACK + 0.5] * 3)
    x = 0.5 / 0.009
    assert cuts.scene_score(thumbnails) == pytest.approx(x / (x + 17 / 3), rel=1e-5)
    assert cuts.scene_score(np.stack([BLACK] * 6)) == 0


def test_a_change_of_gain_and_offset_is_no_cut():
    scene = np.random.default_rng(0).random(400).astype(np.float32) / 2
    assert cuts.scene_score(np.stack([scene] * 3 + [scene * 1.7 + 0.1] * 3)) < 1e-3


def test_a_negative_correlation_counts_as_none():
    scene = np.random.default_rng(0).random(400).astype(np.float32)
    thumbnails = np.stack([scene] * 3 + [1 - scene] * 3)
    x = np.abs(1 - 2 * scene).mean() / 0.009
    assert cuts.scene_score(thumbnails) == pytest.approx(x / (x + 17 / 3), rel=1e-4)


def test_a_separation_at_the_floor_scores_the_threshold():
    thumbnails = np.stack([BLACK] * 3 + [BLACK + 0.009] * 3)
    assert cuts.scene_score(thumbnails) == pytest.approx(cuts.THRESHOLD, rel=1e-4)


def test_the_difference_counts_in_shares_of_255():
    left, right = np.full((2, 3), 16.0), np.array([[16, 17, 16], [235, 16, 14]])
    assert cuts.difference(left, right) == pytest.approx((1 + 219 + 2) / 6 / 255)
    assert cuts.difference(right, left) == cuts.difference(left, right)


@pytest.mark.parametrize(
    ("rgb", "code"),
    [
        ((0, 0, 0), 16), ((1, 1, 1), 235), ((1, 0, 0), 63), ((0, 1, 0), 173), ((0, 0, 1), 32),
        ((0.5, 0.5, 0.5), 126),  # 125.5: ties go to the even code
    ],
)  # fmt: skip  # a table: BT.709, limited range
def test_codes_of_colours(rgb, code):
    picture = np.array(rgb, np.float32).reshape(3, 1, 1)
    assert luma.codes(picture).tolist() == [[code]]


def test_codes_of_grey_are_its_own():
    grey = np.linspace(0, 1, 220, dtype=np.float32).reshape(1, 1, 220)
    assert luma.codes(grey).tolist() == [list(range(16, 236))]


@pytest.mark.parametrize(
    ("size", "cells"),
    [((48, 64), (6, 8)), ((3, 3), (1, 1)), ((1, 100), (1, 12)), ((20, 44), (2, 6))],
)  # (H, W); 20 / 8 and 44 / 8 lie in the middle: to even
def test_blocks_are_about_8_pixels_and_there_is_one_at_least(size, cells):
    assert luma.blocks(np.full(size, 16 + 219 / 2, np.float32)) == pytest.approx(
        np.full(cells, 0.5)
    )


def test_a_thumbnail_has_whole_codes_as_shares_of_255():
    plane = np.random.default_rng(0).uniform(16, 235, (64, 64)).astype(np.float32)
    found = luma.thumbnail(plane)
    assert found.shape == (4096,)
    assert found == pytest.approx(np.rint(plane).ravel() / 255)


@pytest.mark.parametrize(("length", "wanted"), [(5, 5), (4, 8), (12, 4), (3, 1), (1, 3), (7, 3)])
def test_a_resized_line_is_a_mean_under_a_triangle(length, wanted):
    """Each new sample by its definition, over a line that is mirrored at both ends."""
    line = np.random.default_rng(length).random(length)
    mirrored = np.concatenate([line, line[::-1]])
    step = length / wanted
    half = max(step, 1)
    expected = []
    for n in range(wanted):
        centre = (n + 0.5) * step - 0.5
        at = np.arange(-4 * length - 9, 4 * length + 9)
        weights = np.clip(1 - np.abs(at - centre) / half, 0, None)
        expected.append((weights * mirrored[at % (2 * length)]).sum() / weights.sum())
    found = luma.resized(line[None].astype(np.float32), wanted, 1)
    assert found == pytest.approx(np.array([expected]), abs=1e-6)
