"""replace=: bad frames made anew from the good ones around them."""

from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, pictures
from tests.support.films import Film, figure, pan, scenery
from vsrife import rife
from vsrife.errors import ArgumentError
from vsrife.inference.psnr import psnr
from vsrife.video.marks.bad_frames import read_replace
from vsrife.video.synthesis import LEFT, RIGHT

BAD = {3, 4, 8}


def damaged(props=False):
    """A moving figure whose frames 3, 4 and 8 are noise."""

    def draw(n):
        return np.random.default_rng(n).random((3, 72, 128)) if n in BAD else figure(4, n)

    own = (lambda n: {"Broken": 1} if n in BAD else {}) if props else (lambda n: {})
    return clip_of(draw, 12, props=own)


def made_from(clip, **options):
    """{number: left and right source frame} of new frames; by a network that mixes, where any will
    do."""
    with mock.patch.object(vsrife.filter, "open_session", return_value=Mixing()):
        out = rife(clip, **options)
    props = {n: f.props for n, f in enumerate(out.frames())}
    return {n: (p[LEFT], p[RIGHT]) for n, p in props.items() if LEFT in p}


REPAIRED = {3: (2, 5), 4: (2, 5), 8: (7, 9)}


def check_repaired(out):
    source = pictures(damaged())
    assert out.num_frames == 12
    held = psnr(figure(4, 2), figure(4, 3))  # the last good frame in place of the first bad one
    for n, image in enumerate(pictures(out)):
        if n in BAD:
            assert psnr(image.clip(0, 1), figure(4, n)) > held + 1
        else:
            assert np.array_equal(image, source[n])


def test_ranges_are_repaired_and_all_other_frames_untouched():
    check_repaired(rife(damaged(), factor=1, replace=[(3, 4), 8]))


def test_a_property_says_which_frames_are_bad():
    assert made_from(damaged(props=True), factor=1, replace="Broken") == REPAIRED


@pytest.mark.parametrize("text", ["3-4\n8\n", "# bad ones\r\n3 4  # two\r\n\r\n8 8", "3,4\n8"])
def test_a_file_lists_ranges_line_by_line(tmp_path, text):
    (tmp_path / "bad.txt").write_text(text, encoding="utf-8", newline="")
    for path in (tmp_path / "bad.txt", str(tmp_path / "bad.txt")):
        assert made_from(damaged(), factor=1, replace=path) == REPAIRED


def test_repair_and_a_higher_rate_use_good_frames_only():
    used = made_from(damaged(), factor=2, replace=[(3, 4), (8, 8)])
    assert used[5] == used[6] == used[9] == (2, 5)
    assert used[15] == used[16] == used[17] == (7, 9)
    assert used[3] == (1, 2)


def test_bad_frames_are_no_scene_changes():
    cuts = {"sc": True, "sc_threshold": 0.05}
    assert made_from(damaged(), factor=1, replace=[(3, 4), (8, 8)], **cuts) == REPAIRED


def test_a_cut_between_the_good_frames_is_held():
    film = Film([figure(4, n) for n in range(4)] + pan(scenery(8, level=0.9, contrast=0.1), 4, 1))
    film.pictures[3] = np.zeros_like(film.pictures[3])
    out = pictures(rife(film.clip(), factor=1, replace=[(3, 3)], sc="adaptive"))
    assert np.array_equal(out[3], out[2])


@given(st.sets(st.integers(1, 98), min_size=1, max_size=60))
def test_good_neighbours_are_the_nearest_good_frames(bad):
    ranges = read_replace([(n, n) for n in bad], 100)
    for n in range(99):
        assert ranges.good_before(n) == max(k for k in range(n + 1) if k not in bad)
        wanted = None
        if n in bad or n + 1 in bad:
            wanted = (
                max(k for k in range(n + 1) if k not in bad),
                min(k for k in range(n + 1, 100) if k not in bad),
            )
        assert ranges.around(n) == wanted


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ([(5, 3)], r"range \(5, 3\), whose end comes first"),
        ([(0, 2)], r"range \(0, 2\), .*1 to 8 can be replaced"),
        ([(8, 9)], r"range \(8, 9\), .*frames are 0 to 9"),
        ([(-3, 2)], r"range \(-3, 2\)"),
        ([(100, 104)], r"range \(100, 104\)"),
        ([(1, 2, 3)], r"\(1, 2, 3\), which is not a range; give first and last"),
        ([1.5], "1.5, which is not a range"),
        (["3-4"], "'3-4', which is not a range"),
        (7, "replace is not understood: 7"),
        ("no such file.txt", "the file no such file.txt cannot be read"),
    ],
)
def test_what_is_no_range(replace, message):
    with pytest.raises(ArgumentError, match=message):
        read_replace(replace, 10)
    with pytest.raises(vs.Error, match=r"^rife: replace"):
        rife(vs.core.std.BlankClip(length=10), replace=replace)


def test_a_files_bad_line_is_named(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("3-4\nfive\n")
    with pytest.raises(ArgumentError, match=r"line 2 of .* is not a range: 'five'; write 100-104"):
        read_replace(path, 10)


@pytest.mark.parametrize(("length", "repaired"), [(16, True), (17, False)])
def test_a_property_repairs_runs_of_at_most_16_frames(length, repaired):
    """Either all frames of a run or none."""
    bad = range(5, 5 + length)
    clip = clip_of(
        lambda n: np.full((3, 16, 16), n / 64), 40, props=lambda n: {"Bad": int(n in bad)}
    )
    new = made_from(clip, factor=1, replace="Bad")
    assert new.keys() == (set(bad) if repaired else set())


def test_of_two_frames_none_can_be_replaced():
    with pytest.raises(ArgumentError, match="on either side: none can be replaced"):
        read_replace([(1, 1)], 2)
