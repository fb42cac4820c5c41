from __future__ import annotations

import itertools

import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

from vsrife.errors import MediaError
from vsrife.rendering.film.unreadable import covered, find, ranges, replaceable


def film(bad: set[int], count: int = 12) -> vs.VideoNode:
    """Frame n is grey of level n; some raise."""
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=4, height=4, length=count)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if n in bad:
            raise vs.Error("damaged")
        frame = f.copy()
        frame[0][0, 0] = n
        return frame

    return blank.std.ModifyFrame(blank, draw)


def levels(clip: vs.VideoNode) -> list[int]:
    return [frame[0][0, 0] for frame in clip.frames()]


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        (set(), list(range(12))),
        ({4}, [0, 1, 2, 3, 3, 5, 6, 7, 8, 9, 10, 11]),
        ({0, 1, 11}, [2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]),
        ({3, 4, 5, 8}, [0, 1, 2, 2, 2, 2, 6, 7, 7, 9, 10, 11]),
    ],
)
def test_unreadable_frames_are_found_and_covered_by_the_last_readable(bad, shown):
    clip = film(bad)
    assert find(clip) == sorted(bad)
    assert levels(covered(clip, sorted(bad))) == shown


def test_a_film_without_a_readable_frame_is_refused():
    with pytest.raises(MediaError, match="no frame"):
        covered(film(set(range(12))), range(12))


@given(st.sets(st.integers(0, 50)))
def test_ranges_are_runs(numbers: set[int]):
    found = ranges(sorted(numbers))
    assert [n for a, b in found for n in range(a, b + 1)] == sorted(numbers)
    assert all(b + 1 < c for (_, b), (c, _) in itertools.pairwise(found))


def test_only_what_has_a_good_frame_on_both_sides_can_be_made_anew():
    assert replaceable([0, 1, 5, 6, 11], 12) == [(5, 6)]
