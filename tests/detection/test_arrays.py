"""Detection over arrays against VapourSynth's resizer and PlaneStats, on films with known cuts."""

from itertools import pairwise

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.films import SCENE_FILMS
from vsrife.detection import cuts, luma, runs
from vsrife.video import frames
from vsrife.video.marks import duplicates, scenes


def pictures(clip):
    """RGB24 frames as arrays (3, H, W) in 0..1."""
    return [
        np.stack(frames.planes(frame)).astype(np.float32) / 255 for frame in clip.frames(close=True)
    ]


@pytest.fixture(params=["cuts, same brightness", "flashes of 2 frames", "cuts, grain"])
def clip(request):
    return SCENE_FILMS[request.param](3).clip(vs.RGBS).resize.Bicubic(format=vs.RGB24)


def test_luma_is_the_resizers(clip):
    theirs = [np.asarray(f[0]).astype(float) for f in frames.luma(clip).frames(close=True)]
    ours = [luma.codes(picture) for picture in pictures(clip)]
    apart = np.abs(np.array(theirs) - np.array(ours))
    assert apart.max() <= 1
    assert apart.mean() < 1e-3  # a tie may be rounded the other way


@pytest.mark.parametrize("size", [(17, 9), (64, 64), (200, 100), (128, 72), (1, 1)])
def test_small_pictures_are_the_resizers(size):
    plane = np.random.default_rng(0).random((72, 128)).astype(np.float32)
    blank = vs.core.std.BlankClip(format=vs.GRAYS, width=128, height=72, length=1)

    def paint(n, f):
        frame = f.copy()
        frames.planes(frame)[0][:] = plane
        return frame

    clip = blank.std.ModifyFrame(blank, paint).resize.Bilinear(*size)
    theirs = np.asarray(clip.get_frame(0)[0])
    assert luma.resized(plane, *size) == pytest.approx(theirs, abs=2e-6)


def test_the_difference_is_scdetects(clip):
    theirs = [f.props["_vsrifeScoreDiff"] for f in scenes.score_differences(clip).frames()][:-1]
    codes = [luma.codes(picture) for picture in pictures(clip)]
    ours = [cuts.difference(a, b) for a, b in pairwise(codes)]
    assert ours == pytest.approx(theirs, abs=2e-5)


def test_the_adaptive_score_is_the_filters(clip):
    theirs = [f.props[scenes.ADAPTIVE_SCORE] for f in scenes.scene_scores(clip).frames()]
    small = [luma.thumbnail(luma.codes(picture)) for picture in pictures(clip)]
    last = len(small) - 1
    ours = [
        cuts.scene_score(np.stack([small[min(max(n + by, 0), last)] for by in range(-2, 4)]))
        for n in range(len(small))
    ]
    assert ours == pytest.approx(theirs, abs=0.02)


def test_means_of_blocks_are_the_filters(clip):
    theirs = [f.props["_RifeDuplicateAverage"] for f in duplicates.score_duplicates(clip).frames()]
    blocks = [luma.blocks(luma.codes(picture)) for picture in pictures(clip)]
    ours = [0, *(float(abs(b - a).mean()) for a, b in pairwise(blocks))]
    assert ours == pytest.approx(theirs, abs=2e-5)


@pytest.mark.parametrize("function", [luma.codes, lambda p: luma.blocks(luma.codes(p)),
                                      lambda p: luma.thumbnail(luma.codes(p))])  # fmt: skip
def test_tensors_give_what_arrays_give(function):
    import torch

    picture = np.random.default_rng(0).random((3, 72, 128)).astype(np.float32)
    theirs = function(torch.from_numpy(picture))
    # a product of matrices adds in another order
    assert np.asarray(theirs) == pytest.approx(function(picture), abs=1e-5 if function is not
                                               luma.codes else 1)  # fmt: skip


def test_a_duplicate_differs_little_everywhere():
    assert runs.is_duplicate(0.001, 0.0079, 0.001)
    assert not runs.is_duplicate(0.001, 0.0081, 0.001)
    assert not runs.is_duplicate(0.0011, 0.0011, 0.001)
    assert runs.is_duplicate(0, 0, 0)
