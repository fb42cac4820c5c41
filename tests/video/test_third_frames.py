"""A network of three frames gets the frames beyond each pair, or the pair's own where these end."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vsrife.filter
from tests.support.clips import clip_of, flat, picture
from vsrife import rife
from vsrife.inference.base import BESIDE
from vsrife.video.overlay import layers

FRAMES = 64  # in each, red, green and blue are its drawing's number over this
FILL = {"factor": 1, "duplicates": "fill", "duplicates_threshold": None}


class Telling:
    """A session whose new frames are the drawings that it saw: before and after the pair, and the
    left one."""

    tells = frozenset({BESIDE})

    def __init__(self):
        self.seen = []

    def prepare(self, planes):
        own, before, after = (planes[k : k + 3] for k in (0, 3, 6))
        assert len(planes) == 9
        self.seen.append(tuple(float(each[0][0, 0]) for each in (before, own, after)))
        return self.seen[-1]

    def interpolate(self, left, right, timestep, into, rhythm=None):
        assert left[1:] == right[:2]  # each is the other's neighbour
        for plane, value in zip(into, (left[0], right[2], left[1]), strict=True):
            plane[:] = value


def told(clip, **options):
    """(left, before, after) of new frames, as numbers of drawings; None for the others."""
    with mock.patch.object(vsrife.filter, "open_session", return_value=Telling()):
        out = rife(clip, **options)
    found = []
    for frame in out.frames():
        before, after, left = (round(float(np.asarray(frame[p])[0, 0]) * FRAMES) for p in range(3))
        found.append((left, before, after) if "_RifeTimestep" in frame.props else None)
    return found


def drawings(runs, cuts=(), **props):
    """Each drawing is shown for its run's length, with marks. cuts: drawings before a cut."""
    shown = [drawing for drawing, run in enumerate(runs) for _ in range(run)]
    ends = {k for k in range(len(shown) - 1) if shown[k] in cuts and shown[k + 1] != shown[k]}
    return clip_of(
        flat([[drawing / FRAMES] * 3 for drawing in shown], 16, 16),
        len(shown),
        props=lambda n: {
            "_Duplicate": int(n > 0 and shown[n] == shown[n - 1]),
            "_SceneChangeNext": int(n in ends),
            "_SceneChangePrev": int(n - 1 in ends),
            **{name: int(n in numbers) for name, numbers in props.items()},
        },
    )


def beyond(left, count, cuts):
    """The rule again: the drawings beside a pair, or its own at cuts and at the ends."""
    right = left + 1
    before = left - (left > 0 and left - 1 not in cuts)
    after = right + (right < count - 1 and right not in cuts)
    return left, before, after


@settings(max_examples=12)
@given(st.integers(2, 7), st.sets(st.integers(0, 5), max_size=3), st.sampled_from(["2", "5/2"]))
def test_they_are_the_neighbours_but_not_across_cuts_and_ends(count, cuts, factor):
    cuts = {cut for cut in cuts if cut < count - 1}
    clip = drawings([1] * count, cuts)
    got = told(clip, factor=factor, sc=True, sc_threshold=None)
    new = [each for each in got if each is not None]
    assert all(each == beyond(each[0], count, cuts) for each in new)
    assert {left for left, *_ in new} == set(range(count - 1)) - cuts


def test_without_scene_changes_marks_count_for_nothing():
    got = told(drawings([1] * 5, cuts={1}), sc=False)
    assert got[1::2] == [*(beyond(left, 5, ()) for left in range(4)), None]


@settings(max_examples=12)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=6),
    st.sets(st.integers(0, 4), max_size=2),
    st.sampled_from(["first", "centre"]),
)
def test_between_drawings_that_are_held_they_are_other_drawings(runs, cuts, anchor):
    cuts = {cut for cut in cuts if cut < len(runs) - 1}
    clip = drawings(runs, cuts)
    got = told(clip, sc=True, sc_threshold=None, duplicates_anchor=anchor, **FILL)
    for left, before, after in filter(None, got):
        assert (left, before, after) == beyond(left, len(runs), cuts)


@pytest.mark.parametrize("named", [False, True])
def test_bad_frames_are_no_third_ones(named):
    clip = drawings([1] * 9, Bad={2, 5, 6})
    replace = "Bad" if named else [2, (5, 6)]
    got = told(clip, factor=2, replace=replace)
    seen = {number for each in filter(None, got) for number in each}
    assert seen == {0, 1, 3, 4, 7, 8}
    assert (3, 1, 7) in got  # between 3 and 4, of which both outer ones are bad
    assert (4, 3, 8) in got


def test_overlays_are_taken_off_the_pair_alone_so_no_other_frame_is_seen():
    clip = drawings([1] * 5).std.SetFrameProps(**{layers.PEELED: 0})
    assert told(clip, factor=2)[1::2] == [*((left, left, left + 1) for left in range(4)), None]


LONG = {"replace": [(1, 30)], "factor": 2}  # the frame after it is too far to be looked for


@pytest.mark.parametrize(
    ("clip", "options"),
    [
        (
            drawings([1, 2, 3, 1, 2, 1, 1, 2], cuts={3}),
            {**FILL, "factor": 2, "sc": True, "sc_threshold": None},
        ),
        (drawings([1] * 34), LONG),
    ],
)
def test_bytes_do_not_depend_on_who_asks_when(clip, options):
    with mock.patch.object(vsrife.filter, "open_session", return_value=Telling()):
        forwards = [picture(frame).tobytes() for frame in rife(clip, **options).frames()]
        out = rife(clip, **options)
    order = np.random.default_rng(4).permutation(len(forwards)).tolist()
    assert {n: picture(out.get_frame(n)).tobytes() for n in order} == dict(enumerate(forwards))


def test_motion_blur_sees_them_too():
    session = Telling()
    with mock.patch.object(vsrife.filter, "open_session", return_value=session):
        list(rife(drawings([1] * 5), factor=1, shutter=180).frames())
    numbers = [tuple(round(value * FRAMES) for value in each) for each in session.seen]
    assert set(numbers) == {(max(k - 1, 0), k, min(k + 1, 4)) for k in range(5)}
