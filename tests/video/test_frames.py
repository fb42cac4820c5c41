"""Frames as arrays, and clips in another order."""

import random

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of, noise, picture
from vsrife.video import frames


def numbered(length):
    """A clip whose frames say their number."""
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=length, keep=True)

    def number(n, f):
        frame = f.copy()
        frame.props["number"] = n
        return frame

    return blank.std.ModifyFrame(blank, number)


ORDERS = {
    "every frame": lambda n: n,
    "doubled": lambda n: n // 2,
    "film to 60": lambda n: n * 400 // 1001,
    "every third": lambda n: 3 * n,
    "the end repeated": lambda n: min(n, 700),
    "one frame": lambda n: 5,
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_reordered_clips_have_the_right_frames_in_every_window(order):
    clip = numbered(6000)
    template = clip.std.BlankClip(length=2000)
    got = frames.reorder(clip, template, order)
    assert got.num_frames == 2000
    numbers = [frame.props["number"] for frame in got.frames(close=True)]
    assert numbers == [order(n) for n in range(2000)]
    for n in random.Random(0).choices(range(2000), k=200):
        assert got.get_frame(n).props["number"] == order(n)


def test_a_reordered_clip_keeps_no_frames_of_windows_gone_by():
    """Nodes that only hand frames on would each keep some in VapourSynth's caches."""
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=256, height=256, length=3000)

    def paint(n, f):
        frame = f.copy()
        np.asarray(frame[0])[0, 0] = n % 256  # or all frames would share their 64 KiB
        return frame

    clip = blank.std.ModifyFrame(blank, paint)
    before = vs.core.used_cache_size
    got = frames.reorder(clip, clip.std.BlankClip(length=4000), lambda n: n // 2)
    assert sum(1 for _ in got.frames(close=True)) == 4000
    # 20 were seen, and 160 with windows that keep theirs
    assert vs.core.used_cache_size - before < 70 * 256 * 256


def test_planes_share_the_frames_memory():
    frame = clip_of(noise(8, 4), 1).get_frame(0).copy()
    frames.planes(frame)[1][2, 3] = 7
    assert np.asarray(frame[1])[2, 3] == 7


@pytest.mark.parametrize("height", [1, 61, 62, 200])
def test_same_picture_finds_any_one_different_sample(height):
    left = picture(clip_of(noise(5, height), 1).get_frame(0))
    assert frames.same_picture(list(left), list(left.copy()))
    for plane in range(3):
        for row in {0, height // 2, height - 1}:
            right = left.copy()
            right[plane, row, 4] += 1
            assert not frames.same_picture(list(left), list(right))


@pytest.mark.parametrize("fmt", [vs.GRAY8, vs.RGB24, vs.RGB30, vs.YUV420P16])
def test_blends_of_integers_are_rounded(fmt):
    """To the nearest step, so that the mean of a blend is not half a step too low."""
    kind = vs.core.get_video_format(fmt)
    blank = vs.core.std.BlankClip(format=fmt, width=32, height=16, length=2)

    def paint(n, f):
        frame = f.copy()
        for plane in frames.planes(frame):
            top = 2**kind.bits_per_sample
            plane[:] = np.random.default_rng(n).integers(0, top, plane.shape)
        return frame

    left, right = blank.std.ModifyFrame(blank, paint).frames()
    for weight in (0.25, 0.5, 0.7):
        mixed = frames.blended(left, right, weight)
        for a, b, got in zip(*map(frames.planes, (left, right, mixed)), strict=True):
            exact = a + weight * (b.astype(float) - a)
            # half a step, and what float32 loses of 16 bits
            assert np.abs(got - exact).max() <= 0.5 + 0.02


def test_blends_count_nan_as_0_and_keep_other_samples():
    def draw(n):
        picture = noise(16, 8)(n)
        picture[0, 2, 3] = np.nan if n == 0 else 0.5
        picture[1, 2, 3], picture[2, 2, 3] = np.inf, -np.inf
        return picture

    left, right = clip_of(draw, 2).frames()
    got = picture(frames.blended(left, right, 0.5))
    assert got[:, 2, 3].tolist() == [0.25, 1, 0]
    rest = np.ones_like(got, dtype=bool)
    rest[:, 2, 3] = False
    wanted = (picture(left) + picture(right)) / 2
    assert np.abs(got - wanted)[rest].max() < 1e-6


def test_only_nan_is_mended_and_only_where_there_is_any():
    def draw(n):
        picture = noise(16, 8)(n)
        if n == 1:
            picture[1, 4, 5], picture[2, 0, 0] = np.nan, np.inf
        return picture

    clip = clip_of(draw, 2)
    got = [picture(f) for f in frames.without_nan(clip).frames()]
    source = [picture(f) for f in clip.frames()]
    assert np.array_equal(got[0], source[0])
    assert np.array_equal(got[1], np.where(np.isnan(source[1]), 0, source[1]))
