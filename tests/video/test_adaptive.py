"""The adaptive detector and the fixed threshold on films whose cuts are known."""

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of, flat
from tests.support.films import SCENE_FILMS, Film, noisy, pan, scenery
from vsrife.video.marks.scenes import mark_adaptive, mark_scene_changes, scene_score

SEEDS = (0,)
MORE_SEEDS = (100,)  # in `.ci/slow`
THRESHOLD = 0.15  # of both: the default

# Films on which the fixed threshold fails; docs/guide/scene-changes.md has the whole table
FIXED_MISSES = {
    "cuts, same brightness", "cuts, low contrast", "cuts, dark scenes", "black, then night",
}  # fmt: skip  # a table
FIXED_INVENTS = {
    "one fast pan", "flashes of 1 frame", "flashes of 2 frames", "flashes of 5 frames",
}  # fmt: skip  # a table
ADAPTIVE_MISSES = {"inserts of 1 frame"}  # they look like flashes


def found(film, mark):
    frames = mark(film.clip(), THRESHOLD).frames()
    return {n for n, f in enumerate(frames) if f.props["_SceneChangeNext"]}


def score(name, mark, seeds=SEEDS):
    """Hits, cuts marked where there are none, and cuts missed, over all seeds."""
    hits = wrong = missed = 0
    for seed in seeds:
        film = SCENE_FILMS[name](seed)
        marks = found(film, mark)
        hits += len(marks & film.cuts)
        wrong += len(marks - film.cuts)
        missed += len(film.cuts - marks)
    return hits, wrong, missed


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MORE_SEEDS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [name for name in SCENE_FILMS if name not in ADAPTIVE_MISSES])
def test_the_adaptive_score_finds_every_cut_and_no_other(name, seeds):
    _, wrong, missed = score(name, mark_adaptive, seeds)
    assert (wrong, missed) == (0, 0)


@pytest.mark.parametrize("name", sorted(ADAPTIVE_MISSES))
def test_the_fixed_threshold_wins_on_single_frames_of_another_scene(name):
    _, wrong, missed = score(name, mark_scene_changes)
    assert (wrong, missed) == (0, 0)
    assert score(name, mark_adaptive)[2] > 0


@pytest.mark.parametrize("name", sorted(FIXED_MISSES))
def test_the_fixed_threshold_misses_cuts_between_scenes_of_like_brightness(name):
    _, wrong, missed = score(name, mark_scene_changes)
    assert wrong == 0
    assert missed > 0


@pytest.mark.parametrize("name", sorted(FIXED_INVENTS))
def test_the_fixed_threshold_takes_flashes_for_cuts(name):
    assert score(name, mark_scene_changes)[1] > 0


def test_a_cut_is_marked_on_both_of_its_frames():
    film = Film(noisy(pan(scenery(1), 5, 1) + pan(scenery(2), 5, 1), 1), {4})
    marks = [
        (f.props["_SceneChangePrev"], f.props["_SceneChangeNext"])
        for f in mark_adaptive(film.clip(), THRESHOLD).frames()
    ]
    assert marks == [(0, 0)] * 4 + [(0, 1), (1, 0)] + [(0, 0)] * 4


def test_scores_are_the_same_in_any_format_and_order():
    film = SCENE_FILMS["cuts, same brightness"](3)
    clip = film.clip()
    yuv = clip.resize.Bicubic(format=vs.YUV420P10, matrix_s="709")
    in_order = found(film, mark_adaptive)
    marked = mark_adaptive(yuv, THRESHOLD)
    backwards = {n for n in reversed(range(70)) if marked.get_frame(n).props["_SceneChangeNext"]}
    assert backwards == {n for n in in_order if n < 70}


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_have_scores(value):
    assert scene_score(np.full((6, 16), value, dtype=np.float32)) == 0
    dark, light = np.zeros((3, 16), np.float32), np.ones((3, 16), np.float32)
    assert scene_score(np.concatenate((dark, light))) > 0.9


@pytest.mark.parametrize("length", [2, 3, 4])
def test_short_clips_have_a_cut_where_it_is_and_no_other(length):
    """Beyond the ends the first and the last frame are repeated, and no cut lies there."""
    for cut in range(length - 1):
        colours = [(k > cut,) * 3 for k in range(length)]
        marked = mark_adaptive(clip_of(flat(colours), length), THRESHOLD).frames()
        marks = [(f.props["_SceneChangePrev"], f.props["_SceneChangeNext"]) for f in marked]
        assert marks == [(int(k - 1 == cut), int(k == cut)) for k in range(length)]
