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
