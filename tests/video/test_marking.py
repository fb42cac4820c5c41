"""Marks that a script expects and that are nowhere: one line in the log, and no other time."""

import pytest

from tests.support.clips import clip_of, noise
from vsrife import rife
from vsrife.video.marks import marking
from vsrife.video.marks.duplicates import DUPLICATE
from vsrife.video.marks.marking import Marking
from vsrife.video.marks.scenes import NEXT, PREV

FRAMES = 6
EXPECTED = {
    "clip's cuts": ("own_cuts", "clip", NEXT),
    "cuts of sc_clip": ("cuts", "sc_clip", NEXT),
    "clip's duplicates": ("own_repeats", "clip", DUPLICATE),
    "duplicates of duplicates_clip": ("repeats", "duplicates_clip", DUPLICATE),
}
VALUES = {"absent": None, "set to 0": 0, "set to 1": 1}


def film(**props):
    return clip_of(noise(32, 32), FRAMES, props=lambda n: props if n == FRAMES - 2 else {})


def lines(said):
    return [text for text in said if "is the name right" in text]


@pytest.mark.parametrize("case", EXPECTED)
@pytest.mark.parametrize("value", VALUES)
def test_marks_that_are_nowhere_are_said_once(said, case, value):
    source, argument, name = EXPECTED[case]
    marked = film() if VALUES[value] is None else film(**{name: VALUES[value]})
    own = argument == "clip"
    out = Marking(**{source: True if own else marked}).marked(marked if own else film())
    for _ in range(2):
        assert sum(frame.width for frame in out.frames(close=True)) == 32 * FRAMES
    wanted = f"rife: none of the first {FRAMES} frames of {argument} has {name}; is the name right"
    assert [text.startswith(wanted) for text in lines(said)] == [True] * (VALUES[value] is None)


def test_one_of_several_properties_suffices(said):
    """SCXvid sets the mark of the first frame of a scene only."""
    list(Marking(own_cuts=True).marked(film(**{PREV: 1})).frames(close=True))
    assert lines(said) == []


@pytest.mark.parametrize("marks", [False, True])
def test_the_filter_says_it(said, marks):
    clip = film(**{NEXT: 1} if marks else {})
    list(rife(clip, factor=1, sc=True, sc_threshold=None).frames(close=True))
    assert len(lines(said)) == (not marks)


def test_frames_come_back_as_they_are_and_only_the_first_ones_are_looked_at(said, monkeypatch):
    monkeypatch.setattr(marking, "LOOKED_AT", 3)
    clip = clip_of(noise(32, 32), FRAMES, props=lambda n: {"Name": 1} if n > 2 else {})
    out = marking.expecting(clip, ("Name",), "clip")
    assert (out.num_frames, out.fps, out.format) == (clip.num_frames, clip.fps, clip.format)
    for n in (5, 1, 0, 1):
        with out.get_frame(n) as frame, clip.get_frame(n) as source:
            assert all(bytes(frame[p]) == bytes(source[p]) for p in range(3))
            assert dict(frame.props) == dict(source.props)
    assert lines(said) == []  # frame 2 has not been seen
    out.get_frame(2).close()
    assert [text[:56] for text in lines(said)] == [
        "rife: none of the first 3 frames of clip has Name; is th"
    ]


def test_nothing_is_looked_for_that_is_not_expected(said):
    clip = film()
    assert Marking().marked(clip) is clip
    out = Marking(sc_threshold=0.15, duplicates_threshold=0.004).marked(clip)
    list(out.frames(close=True))
    assert lines(said) == []
