"""What is shown at a cut, and where its marks are in the output."""

import gc
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, copied, flat, networks_of, noise, picture, pictures
from tests.support.films import Film, noisy, pan, scenery
from vsrife import rife
from vsrife.video import frames

pytestmark = pytest.mark.usefixtures("networks_stay")

DARK, LIGHT = (0.1, 0.2, 0.3), (0.9, 0.8, 0.7)


def two_scenes(fmt=vs.RGBS):
    """Frames 0 and 1 dark, 2 and 3 light, with a cut between."""
    return clip_of(flat([DARK, DARK, LIGHT, LIGHT]), 4).resize.Point(format=fmt)


def levels(clip):
    return [float(p[0].mean()) for p in pictures(clip)]


@pytest.fixture
def mixing():
    """Where any network will do: one that mixes."""
    with mock.patch.object(vsrife.filter, "open_session", return_value=Mixing()):
        yield


@pytest.mark.parametrize(
    ("mode", "between"),
    [("hold", [0.1, 0.1, 0.1]), ("nearest", [0.1, 0.1, 0.9]), ("blend", [0.3, 0.5, 0.7])],
)
@pytest.mark.parametrize("fmt", [vs.RGBS, vs.RGB30])
def test_each_policy_shows_what_it_says(mixing, mode, between, fmt):
    out = rife(two_scenes(fmt), factor=4, sc=True, sc_mode=mode)
    scale = 1 if fmt == vs.RGBS else 1023
    assert np.array(levels(out)[5:8]) / scale == pytest.approx(between, abs=1e-3)
    assert np.array(levels(out))[[4, 8]] / scale == pytest.approx([0.1, 0.9], abs=1e-3)


@pytest.mark.parametrize(("mode", "last"), [("hold", 7), ("nearest", 6), ("blend", 7)])
def test_marks_sit_on_the_last_frame_of_one_scene_and_the_first_of_the_next(mixing, mode, last):
    got = [f.props for f in rife(two_scenes(), factor=4, sc=True, sc_mode=mode).frames()]
    assert [n for n, p in enumerate(got) if p["_SceneChangeNext"]] == [last]
    assert [n for n, p in enumerate(got) if p["_SceneChangePrev"]] == [last + 1]


def test_a_second_pass_morphs_nothing_at_a_cut(mixing):
    once = rife(two_scenes(), factor=3, sc=True, sc_mode="nearest")
    twice = rife(once, factor=3, sc=True, sc_threshold=None)
    assert {round(v, 3) for v in levels(twice)} == {0.1, 0.9}


@settings(max_examples=12, deadline=None)  # each renders a clip
@given(
    st.sets(st.integers(0, 18), max_size=4),
    st.fractions(Fraction(1, 7), Fraction(1), max_denominator=9).filter(lambda f: f > 0),
)
def test_cuts_among_frames_that_fall_out_are_marked(cuts, factor):
    clip = clip_of(
        noise(16, 16),
        20,
        props=lambda n: {
            "_SceneChangeNext": int(n in cuts),
            "_SceneChangePrev": int(n - 1 in cuts),
        },
    )
    with mock.patch.object(vsrife.filter, "open_session", return_value=Mixing()):
        out = rife(clip, factor=factor, sc=True, sc_threshold=None)  # any network will do
    got = [f.props for f in out.frames()]
    lefts = [int(n / factor) for n in range(len(got))]
    for n in range(len(got) - 1):
        crossed = any(lefts[n] <= k < lefts[n + 1] for k in cuts)
        assert got[n]["_SceneChangeNext"] == got[n + 1]["_SceneChangePrev"] == int(crossed)


def test_a_clips_own_detector_is_honoured(mixing):
    clip = clip_of(noise(16, 16), 5)
    marks = clip_of(
        lambda n: np.zeros((1, 4, 4)), 5, fmt=vs.GRAYS, props=lambda n: {"_SceneChangeNext": n == 2}
    )
    out = rife(clip, sc=True, sc_clip=marks)
    new = {n for n, f in enumerate(out.frames()) if "_RifeLeft" in f.props}
    assert new == {1, 3, 7}
    assert np.array_equal(picture(out.get_frame(5)), picture(clip.get_frame(2)))


@pytest.mark.parametrize("apart", [False, True])
def test_a_mark_on_the_first_frame_of_a_scene_is_enough(mixing, apart):
    clip = two_scenes()
    marked = clip[:2] + clip[2].std.SetFrameProps(_SceneChangePrev=1) + clip[3]
    marks = {"sc_clip": marked} if apart else {"sc_threshold": None}
    out = rife(clip if apart else marked, factor=4, sc=True, **marks)
    assert levels(out)[5:8] == pytest.approx([0.1, 0.1, 0.1])
    assert [n for n, f in enumerate(out.frames()) if f.props.get("_SceneChangeNext")] == [7]
    assert [n for n, f in enumerate(out.frames()) if f.props.get("_SceneChangePrev")] == [8]


def test_a_source_frame_shown_as_the_nearest_says_only_what_is_its_own(mixing):
    clip = two_scenes()
    alpha = vs.core.std.BlankClip(format=vs.GRAY8, width=clip.width, height=clip.height, length=1)
    left = clip[1].std.ClipToProp(alpha).std.SetFrameProps(_RifeTimestep=0.5, _RifeLeft=3)
    out = rife(clip[0] + left + clip[2:], factor=4, sc=True, sc_mode="nearest")
    held, right = (set(out.get_frame(n).props) for n in (6, 7))
    assert {"_RifeTimestep", "_RifeLeft", "_Alpha"} <= held
    assert not {"_RifeTimestep", "_RifeLeft", "_Alpha"} & right


def test_new_frames_say_where_they_stand_and_others_do_not():
    clip = clip_of(noise(16, 16), 4)
    for n, frame in enumerate(rife(clip, factor="5/2").frames()):
        left, step = divmod(Fraction(n, 1) / Fraction(5, 2), 1)
        if step == 0 or left >= 3:
            assert "_RifeLeft" not in frame.props
            continue
        props = frame.props
        assert (props["_RifeLeft"], props["_RifeRight"]) == (left, left + 1)
        assert props["_RifeTimestep"] == pytest.approx(float(step))
        assert 0 <= props["_RifeConfidence"] <= 1


def test_confidence_tells_motion_from_a_cut():
    shots = [noisy(pan(scenery(k), 3, 3), 1) for k in range(4)]
    clip = Film([p for shot in shots for p in shot]).clip()
    got = {
        f.props["_RifeLeft"]: f.props["_RifeConfidence"]
        for f in rife(clip).frames()
        if "_RifeLeft" in f.props
    }
    across = [got[k] for k in (2, 5, 8)]
    within = [value for k, value in got.items() if k not in (2, 5, 8)]
    assert max(across) < 0.45 < 0.7 < min(within)


@pytest.mark.parametrize(
    ("mode", "fmt"),
    [
        *((mode, vs.RGBS) for mode in ("hold", "nearest", "blend")),
        ("blend", vs.YUV420P8),
        *(pytest.param(mode, vs.YUV420P8, marks=pytest.mark.slow) for mode in ("hold", "nearest")),
    ],
)
def test_doubtful_frames_fall_back_to_the_policy(mode, fmt):
    shots = [noisy(pan(scenery(k), 2, 3), 1) for k in range(2)]
    clip = Film([p for shot in shots for p in shot]).clip()
    clip = clip.resize.Bicubic(format=fmt, **({} if fmt == vs.RGBS else {"matrix_s": "709"}))
    out = rife(clip, factor=4, confidence=0.5, sc_mode=mode)
    held = rife(clip, factor=4, sc=True, sc_threshold=0.1, sc_mode=mode)
    new = {n for n, f in enumerate(out.frames()) if "_RifeLeft" in f.props}
    assert new == {1, 2, 3, 9, 10, 11}
    for n in (5, 6, 7):
        for plane in range(clip.format.num_planes):
            assert np.array_equal(out.get_frame(n)[plane], held.get_frame(n)[plane])


def test_the_network_runs_once_for_each_new_frame_that_is_judged_by_confidence(monkeypatch):
    from vsrife.inference.backends import pytorch

    asked = []
    interpolate = pytorch.TorchSession.interpolate

    def spy(self, left, right, timestep, into, rhythm=None):
        asked.append(timestep)
        return interpolate(self, left, right, timestep, into, rhythm)

    monkeypatch.setattr(pytorch.TorchSession, "interpolate", spy)
    clip = Film(pan(scenery(1), 4, 3)).clip()
    pictures(rife(clip, factor=3, confidence=0.3, protect=True))
    assert len(asked) == 6


def test_alpha_is_blended_alike(mixing):
    alpha = [clip_of(flat([(a,) * 3] * 2), 2).std.ShufflePlanes(0, vs.GRAY) for a in (0.0, 1.0)]
    shots = [clip_of(flat([c] * 2), 2) for c in (DARK, LIGHT)]
    clip = shots[0].std.ClipToProp(alpha[0]) + shots[1].std.ClipToProp(alpha[1])
    frame = rife(clip, factor=4, sc=True, sc_mode="blend").get_frame(5)
    assert np.asarray(frame.props["_Alpha"][0]) == pytest.approx(0.25)


def test_confidence_changes_no_picture():
    clip = Film(pan(scenery(1), 4, 3)).clip()
    with_, without = (pictures(rife(clip, **o)) for o in ({"confidence": 0}, {}))
    assert all(np.array_equal(a, b) for a, b in zip(with_, without, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"duplicates": "fill"},
        {"replace": [(1, 2)]},
        {"sc": "adaptive", "sc_mode": "nearest"},
        {"protect": True, "confidence": 0.5},
        {"pace": "drawn"},
    ],
)
def test_filters_with_these_options_let_their_network_go(networks_go, weights, tmp_path, options):
    model = copied(weights(), tmp_path)
    out = rife(Film(pan(scenery(1), 6, 3)).clip(), model=model, **options)
    out.get_frame(3).close()
    assert len(networks_of(model)) == 1
    del out
    gc.collect()
    assert networks_of(model) == []


@pytest.mark.parametrize("jump", [11, 60, 100])
def test_a_cut_among_many_frames_that_fall_out_is_marked(mixing, jump):
    """Also one right before the next output frame, and right after the last one."""
    for cut in (jump, jump + jump // 2, 2 * jump - 1):
        clip = vs.core.std.BlankClip(
            format=vs.GRAYS, width=16, height=16, length=4 * jump, fpsnum=24
        )
        clip = clip[:cut] + clip[cut].std.SetFrameProps(_SceneChangeNext=1) + clip[cut + 1 :]
        out = rife(clip, factor=Fraction(1, jump), sc=True, sc_threshold=None)
        marks = [f.props for f in out.frames()]
        assert [p["_SceneChangeNext"] for p in marks[:3]] == [0, 1, 0]
        assert [p["_SceneChangePrev"] for p in marks[1:]] == [0, 1, 0]


def test_a_cut_among_short_frames_of_a_variable_clip_is_marked(mixing):
    """At 4 frames per second, six of a 48th of a second fall out between two long ones."""
    long, short = Fraction(1, 2), Fraction(1, 48)
    lengths = [long, *[short] * 12, long]
    clip = clip_of(
        noise(16, 16), len(lengths), fps=(0, 1),
        props=lambda n: {
            "_DurationNum": lengths[n].numerator,
            "_DurationDen": lengths[n].denominator,
            "_SceneChangeNext": int(n == 5),
        },
    )  # fmt: skip  # one thing
    out = rife(clip, fps=4, sc=True, sc_threshold=None)
    # output frame 2 begins with the first short frame, output frame 3 with the last long one
    marks = [f.props for f in out.frames()]
    assert [p["_SceneChangeNext"] for p in marks[1:4]] == [0, 1, 0]
    assert [p["_SceneChangePrev"] for p in marks[1:4]] == [0, 0, 1]


def test_alpha_may_begin_later_than_the_clip():
    """Frame 0 has none, so it and frame 1 are read without, and frame 1 again with."""
    clip = clip_of(noise(32, 32), 3)
    alpha = clip_of(noise(32, 32), 3).std.ShufflePlanes(0, vs.GRAY)
    out = rife(clip[0] + clip[1:].std.ClipToProp(alpha[1:]))
    with_alpha = ["_Alpha" in f.props for f in out.frames()]
    assert with_alpha == [False, False, True, True, True, True]
    whole = clip.std.ClipToProp(alpha)
    for n, wanted in ((1, rife(clip)), (3, rife(whole))):
        assert np.array_equal(picture(out.get_frame(n)), picture(wanted.get_frame(n)))


@pytest.mark.parametrize("fmt", [vs.RGBS, vs.RGBH, vs.GRAYS, vs.YUV444PS])
@pytest.mark.parametrize(
    "options",
    [
        {"sc": True, "sc_threshold": 0, "sc_mode": "blend"},
        {"confidence": 1, "sc_mode": "blend"},
        {"pace": "drawn"},
        {"duplicates": "skip"},
        {},
    ],
)
def test_new_frames_have_no_nan_whatever_they_are_made_of(fmt, options):
    for n in (1, 3):
        frame = rife(with_nan(fmt), **options).get_frame(n)
        assert all(np.isfinite(plane).all() for plane in frames.planes(frame))


def with_nan(fmt):
    """Noise in which some samples are no numbers, and some are infinite."""
    blank = vs.core.std.BlankClip(format=fmt, width=32, height=24, length=4)

    def paint(n, f):
        frame = f.copy()
        for plane in frames.planes(frame):
            plane[:] = np.random.default_rng(n).random(plane.shape) / 2
            plane[3:6, 4:9], plane[10, 10], plane[12, 12] = np.nan, np.inf, -np.inf
        return frame

    return blank.std.ModifyFrame(blank, paint)
