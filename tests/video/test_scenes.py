"""Scene changes against the peer's arithmetic, done anew in numpy."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of, flat, noise
from vsrife.video.marks.scenes import complete_marks, mark_scene_changes, score_differences


def marks(clip, threshold):
    got = [f.props for f in mark_scene_changes(clip, threshold).frames()]
    return [(p["_SceneChangePrev"], p["_SceneChangeNext"]) for p in got]


def reference(clip, threshold):
    """misc.SCDetect: mean absolute luma difference over 255, strictly more than the threshold.

    The last frame is compared with itself, and the first takes both marks from the same score.
    """
    gray = clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    luma = [np.asarray(f[0]).astype(np.int64) for f in gray.frames()]
    scores = [np.abs(a - b).mean() / 255 for a, b in zip(luma, [*luma[1:], luma[-1]], strict=True)]
    return [
        (int(scores[max(n - 1, 0)] > threshold), int(scores[n] > threshold))
        for n in range(len(luma))
    ]


def test_marks_are_scdetects_on_noise_at_every_threshold():
    clip = clip_of(noise(32, 32), 12)
    gray = clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    scores = sorted(
        f.props["PlaneStatsDiff"] for f in gray.std.PlaneStats(gray[1:] + gray[-1]).frames()
    )
    for threshold in [0, 0.15, 1, *scores]:
        assert marks(clip, threshold) == reference(clip, threshold)


def test_the_comparison_is_strict():
    clip = clip_of(flat([(0, 0, 0), (0.2, 0.2, 0.2)]), 2)
    score = (60 - 16) / 255  # GRAY8 is limited range: black 16, 20 % grey 60
    assert marks(clip, score)[0] == (0, 0)
    assert marks(clip, np.nextafter(score, 0))[0] == (1, 1)


def test_a_cut_is_marked_on_both_of_its_frames():
    grey = [(0.1,) * 3, (0.1,) * 3, (0.8,) * 3, (0.8,) * 3]
    assert marks(clip_of(flat(grey), 4), 0.15) == [(0, 0), (0, 1), (1, 0), (0, 0)]


def test_other_properties_and_pictures_are_kept_and_none_is_added():
    clip = clip_of(noise(16, 16), 3, props=lambda n: {"name": str(n)})
    for before, after in zip(clip.frames(), mark_scene_changes(clip, 0.1).frames(), strict=True):
        assert set(after.props) - set(before.props) == {"_SceneChangePrev", "_SceneChangeNext"}
        assert bytes(after[1]) == bytes(before[1])


@pytest.mark.parametrize("fmt", [vs.RGB24, vs.GRAY8, vs.YUV420P8])
def test_a_strange_chroma_location_is_no_error(fmt):
    clip = vs.core.std.BlankClip(format=fmt, width=64, height=48, length=2)
    clip = clip.std.SetFrameProps(_ChromaLocation=99)
    assert score_differences(clip).get_frame(0).props["_vsrifeScoreDiff"] == 0


@pytest.mark.parametrize("fmt", [vs.RGB24, vs.GRAY8, vs.YUV420P8])
def test_an_unknown_range_is_as_if_it_were_not_said(fmt):
    clip = clip_of(flat([(0.1,) * 3, (0.8,) * 3]), 2).resize.Bicubic(format=vs.RGB24)
    clip = clip.resize.Bicubic(format=fmt, **({} if fmt == vs.RGB24 else {"matrix_s": "709"}))
    clip = clip.std.RemoveFrameProps(["_Range"])
    plain, unknown = (
        score_differences(each).get_frame(0).props["_vsrifeScoreDiff"]
        for each in (clip, clip.std.SetFrameProps(_Range=7, _Field=1, _FieldBased=2))
    )
    assert unknown == plain > 0.3


def test_the_last_frame_is_the_last_of_no_scene():
    """A detector that marks the first frame of each scene only may mark the clip's last one."""
    clip = clip_of(noise(8, 8), 4, props=lambda n: {"_SceneChangePrev": int(n in (2, 3))})
    marks = [f.props.get("_SceneChangeNext") for f in complete_marks(clip).frames()]
    assert marks == [None, 1, 1, None]
