"""The first pass finds what the detectors find, and rife() makes the same of it."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.blending import blending
from tests.support.clips import clip_of, pictures
from vsrife import rife
from vsrife.rendering.film.first_pass import find_marks, marking_of, with_marks

SCENES = (0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 3, 3)  # frame -> scene
STEPS = (0, 1, 1, 0, 1, 1, 2, 0, 0, 0, 1, 2)  # frame -> place; equal neighbours are duplicates


def film() -> vs.VideoNode:
    def draw(n: int):
        picture = np.full((3, 48, 64), 0.1 + 0.25 * SCENES[n])
        picture[:, 10:30, 6 * STEPS[n] : 6 * STEPS[n] + 12] = 0.9 - 0.2 * SCENES[n]
        return picture

    return clip_of(draw, len(SCENES))


OPTIONS = {
    "detector": {"sc": True},
    "threshold": {"sc": True, "sc_threshold": 0.2},
    "adaptive": {"sc": "adaptive"},
    "nearest": {"sc": True, "sc_mode": "nearest"},
    "duplicates filled": {"sc": True, "duplicates": "fill"},
    "centred": {"sc": True, "duplicates": "fill", "duplicates_anchor": "centre"},
    "duplicates skipped": {"duplicates": "skip"},
    "replaced": {"sc": True, "replace": [(4, 4)]},
    "slower": {"sc": True, "factor": "1/2"},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_marks_of_the_first_pass_give_the_frames_of_the_detectors(case: str, weights):
    options = {"factor": 2, "model": str(weights), "backend": "pytorch", **OPTIONS[case]}
    with blending():
        clip = film()
        wanted = list(rife(clip, **options).frames())
        marks = find_marks(clip, marking_of(clip, options), 0, clip.num_frames)
        assert marks.cuts_after or marks.duplicates
        taken = rife(clip, **with_marks(options, clip.num_frames, marks))
        for frame, picture, other in zip(wanted, pictures(taken), taken.frames(), strict=True):
            assert np.array_equal(np.stack([np.asarray(plane) for plane in frame]), picture)
            for name in ("_SceneChangeNext", "_SceneChangePrev"):
                assert frame.props.get(name, 0) == other.props.get(name, 0)


def test_nothing_is_looked_for_where_no_marks_are_needed(weights):
    assert marking_of(film(), {"model": str(weights)}) is None
