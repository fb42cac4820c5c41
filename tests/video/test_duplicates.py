"""Duplicates: found on films that are known, and filled with what lies between drawings."""

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, noise, picture, pictures
from tests.support.films import DUPLICATE_FILMS, Film, figure, joined, noisy, pan, scenery
from vsrife import rife
from vsrife.detection.runs import BAD, CUT_AFTER, INSIDE, REPEATS, Runs
from vsrife.inference.psnr import psnr
from vsrife.video.marks.duplicates import mark_duplicates

THRESHOLD = 0.0012  # rife's default


def marked(clip, threshold=THRESHOLD):
    frames = mark_duplicates(clip, threshold).frames()
    return {n for n, f in enumerate(frames) if f.props["_Duplicate"]}


def mpdecimate(clip, hi=64 * 12, lo=64 * 5, frac=0.33):
    """FFmpeg's filter as documented: a frame is dropped if no 8x8 block differs from the last kept
    one by more than `hi`, and no more than `frac` of the blocks by more than `lo`; luma only."""
    gray = clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    luma = [np.asarray(f[0]).astype(int) for f in gray.frames()]
    kept, dropped = luma[0], set()
    for n, here in enumerate(luma[1:], 1):
        rows, columns = here.shape[0] // 8, here.shape[1] // 8
        apart = np.abs(here - kept)[: rows * 8, : columns * 8]
        blocks = apart.reshape(rows, 8, columns, 8).sum((1, 3))
        if blocks.max() <= hi and (blocks > lo).mean() <= frac:
            dropped.add(n)
        else:
            kept = here
    return dropped


@pytest.mark.parametrize("name", DUPLICATE_FILMS)
def test_duplicates_are_found_and_no_others(name):
    film = DUPLICATE_FILMS[name](5)
    assert marked(film.clip()) == film.duplicates


@pytest.mark.parametrize("name", ["fog", "slow fade"])
def test_mpdecimate_drops_what_changes_slowly(name):
    film = DUPLICATE_FILMS[name](5)
    assert len(mpdecimate(film.clip()) - film.duplicates) > 5


def test_mpdecimate_keeps_repeats_with_heavy_grain_that_a_higher_threshold_finds():
    film = DUPLICATE_FILMS["on twos"](5)
    grainy = Film(noisy(film.pictures, 10), set(), film.duplicates).clip()
    assert not mpdecimate(grainy)
    assert marked(grainy, 0.004) == film.duplicates


def fake(runs, **options):
    """Pictures of noise, each shown for a run's length, with marks of one's own; no grain."""
    duplicates = {sum(runs[:k]) + j for k, run in enumerate(runs) for j in range(1, run)}
    cuts = options.pop("cuts", set())
    draw = noise(16, 16)
    return clip_of(
        draw,
        sum(runs),
        props=lambda n: {"_Duplicate": int(n in duplicates), "_SceneChangeNext": int(n in cuts)},
        **options,
    )


def mixed(clip, **options):
    """By rife() with a network that mixes, where any network will do."""
    with mock.patch.object(vsrife.filter, "open_session", return_value=Mixing()):
        return rife(clip, **options)


def places(clip, **options):
    """(left, right, timestep) of new frames, the number of the source frame for others."""
    arguments = {"factor": 1, "duplicates": "fill", "duplicates_threshold": None} | options
    source = [p.tobytes() for p in pictures(clip)]
    got = []
    for frame in mixed(clip, **arguments).frames():
        if "_RifeTimestep" in frame.props:
            p = frame.props
            got.append((p["_RifeLeft"], p["_RifeRight"], round(p["_RifeTimestep"], 9)))
        else:
            got.append(source.index(picture(frame).tobytes()))
    return got


def expected_first(runs, span, cuts, factor):
    """The rule again: what lies in a run of 2 to `span` frames stands between its first frame and
    that of the next run, unless there is a cut between, or nothing."""
    starts = [sum(runs[:k]) for k in range(len(runs))]
    total, wanted = sum(runs), []
    for n in range(-(-total * factor.numerator // factor.denominator)):
        position = min(n / factor, Fraction(total - 1))
        left, right = int(position), min(int(position) + 1, total - 1)
        k = max(k for k, start in enumerate(starts) if start <= position)
        end = starts[k] + runs[k]
        if 1 < runs[k] <= span and end < total and end - 1 not in cuts:
            left, right = starts[k], end
        time = (position - left) / max(right - left, 1)
        if time == 0 or (right - 1 in cuts and right - left == 1):
            wanted.append(left)
        else:
            wanted.append((left, right, round(float(time), 9)))
    return wanted


@settings(max_examples=10, deadline=None)  # each renders two clips
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=6),
    st.integers(2, 5),
    st.sets(st.integers(0, 4), max_size=2),
    st.sampled_from([Fraction(1), Fraction(2), Fraction(5, 2), Fraction(3, 4)]),
)
def test_filled_frames_stand_where_the_rule_says(runs, span, cut_runs, factor):
    cuts = {sum(runs[: k + 1]) - 1 for k in cut_runs if k + 1 < len(runs)}
    got = places(
        fake(runs, cuts=cuts), factor=factor, duplicates_span=span, sc=True, sc_threshold=None
    )
    assert got == expected_first(runs, span, cuts, factor)


def test_first_drawings_are_untouched_and_count_and_rate_stay():
    film = DUPLICATE_FILMS["on twos"](2)
    clip = film.clip().resize.Bicubic(format=vs.RGB24)
    out = mixed(clip, factor=1, duplicates="fill")
    assert (out.num_frames, out.fps, out.format.id) == (24, clip.fps, vs.RGB24)
    new = {n for n, f in enumerate(out.frames()) if "_RifeTimestep" in f.props}
    assert new == set(range(1, 23, 2))  # nothing to move to after the last drawing
    for n in range(0, 24, 2):
        assert np.array_equal(picture(out.get_frame(n)), picture(clip.get_frame(n)))
    durations = [(f.props["_DurationNum"], f.props["_DurationDen"]) for f in out.frames()]
    assert durations == [(1001, 24000)] * 24


def speeds(places_, true_times):
    """How far true time goes on from each output frame to the next."""
    times = [
        true_times[p]
        if isinstance(p, int)
        else true_times[p[0]] * (1 - p[2]) + true_times[p[1]] * p[2]
        for p in places_
    ]
    return np.diff(times)


def test_three_two_pulldown_moves_evenly_from_centre_to_centre():
    runs = [3, 2] * 6
    true_times = [2.5 * k for k, run in enumerate(runs) for _ in range(run)]
    middle = slice(4, -4)
    held = np.diff(true_times)[middle]
    first = speeds(places(fake(runs)), true_times)[middle]
    centre = speeds(places(fake(runs), duplicates_anchor="centre"), true_times)[middle]
    assert np.ptp(held) == 2.5
    assert np.ptp(first) == pytest.approx(2.5 / 2 - 2.5 / 3)
    assert np.ptp(centre) == pytest.approx(0, abs=1e-6)


def expected_centre(runs, span):
    """The rule for drawings in the middle of their runs: what lies between two middles moves from
    one to the other. Of runs longer than the span, each frame is a drawing."""
    pieces, start = [], 0
    for run in runs:
        pieces += [(start, run)] if run <= span else [(start + j, 1) for j in range(run)]
        start += run
    middles = [Fraction(2 * first + length - 1, 2) for first, length in pieces]
    shown = [first + (length - 1) // 2 for first, length in pieces]
    wanted = []
    for n in range(sum(runs)):
        k = max((k for k, middle in enumerate(middles) if middle <= n), default=None)
        if k is None or k == len(pieces) - 1:
            wanted.append(n)
            continue
        time = (n - middles[k]) / (middles[k + 1] - middles[k])
        at = (shown[k], shown[k + 1], round(float(time), 9))
        wanted.append(at if time else shown[k])
    return wanted


@settings(max_examples=8, deadline=None)  # each renders two clips
@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.integers(2, 4))
@example([2, 4, 3, 3, 2], 3)  # runs as long as the span beside one that is a frame longer
@example([2, 3, 3, 4, 2], 3)
def test_filled_frames_stand_in_the_middle_where_the_rule_says(runs, span):
    got = places(fake(runs), duplicates_span=span, duplicates_anchor="centre")
    assert got == expected_centre(runs, span)


def test_frames_are_the_same_in_any_order():
    clip = fake([2, 3, 1, 4, 2, 6, 1, 2])
    options = {"factor": "3/2", "duplicates": "fill", "duplicates_threshold": None}
    in_order = [p.tobytes() for p in pictures(mixed(clip, **options))]
    again = mixed(clip, **options)
    again.std.SetVideoCache(mode=0)
    order = np.random.default_rng(0).permutation(len(in_order))
    assert all(picture(again.get_frame(int(n))).tobytes() == in_order[n] for n in order)


def mean_psnr(images, truths, chosen):
    return np.mean([psnr(images[n].clip(0, 1), truths[n]) for n in chosen])


def test_filling_animation_on_twos_comes_nearer_to_24_drawings_than_holding_them():
    truth = [figure(7, n) for n in range(24)]
    clip = DUPLICATE_FILMS["on twos"](7).clip()
    repeats = range(1, 22, 2)  # the last run has nothing after it
    held = mean_psnr(pictures(clip), truth, repeats)
    blended = mean_psnr(
        [(truth[n - 1] + truth[min(n + 1, 23)]) / 2 for n in range(24)], truth, repeats
    )
    filled = mean_psnr(pictures(rife(clip, factor=1, duplicates="fill")), truth, repeats)
    assert filled > held + 2
    assert filled > blended + 0.5


def test_filling_at_twice_the_rate_beats_plain_interpolation_of_held_drawings():
    truth = [figure(7, n / 2) for n in range(28)]
    clip = DUPLICATE_FILMS["on twos"](7).clip()[:14]
    new = [n for n in range(24) if n % 4]
    plain = mean_psnr(pictures(rife(clip)), truth, new)
    filled = mean_psnr(pictures(rife(clip, duplicates="fill")), truth, new)
    assert filled > plain + 1


def test_a_cut_inside_a_held_shot_is_not_morphed():
    film = joined([figure(1, 0)] * 2 + [figure(1, 4)] * 2, pan(scenery(9), 4, 2))
    out = pictures(rife(film.clip(), factor=1, duplicates="fill", sc="adaptive"))
    assert np.array_equal(out[3], out[2])
    assert not np.array_equal(out[1], out[0])


def test_marks_that_say_both_repeat_and_cut_are_a_cut():
    clip = fake([4, 2], cuts={1})
    assert places(clip, sc=True, sc_threshold=None) == [0, 1, 2, (2, 4, 0.5), 4, 5]


def test_runs_longer_than_the_span_stand_still_on_purpose():
    assert places(fake([6, 1, 2, 1]), duplicates_span=5)[:6] == [0, 1, 2, 3, 4, 5]


def test_skip_runs_no_network_before_near_repeats():
    film = DUPLICATE_FILMS["on twos"](3)
    out = mixed(film.clip(), duplicates="skip")
    new = {n for n, f in enumerate(out.frames()) if "_RifeTimestep" in f.props}
    assert new == set(range(3, 46, 4))
    plain = {n for n, f in enumerate(mixed(film.clip()).frames()) if "_RifeTimestep" in f.props}
    assert plain == set(range(1, 46, 2))


def marks(clip):
    return [f.props["_Duplicate"] for f in clip.frames()]


def test_in_the_output_repeats_are_marked_and_new_frames_are_not():
    film = DUPLICATE_FILMS["on twos"](3)
    filled = mixed(film.clip(), duplicates="fill", factor=1)
    new = ["_RifeTimestep" in f.props for f in filled.frames()]
    assert any(new)
    assert not any(mark for mark, made in zip(marks(filled), new, strict=True) if made)
    held = mixed(film.clip(), duplicates="skip")
    for n, f in enumerate(held.frames()):
        made = "_RifeTimestep" in f.props
        # a frame of the source has its own mark, one that is shown again repeats it
        repeats = not made and (n % 2 == 1 or n // 2 in marked(film.clip()))
        assert f.props["_Duplicate"] == repeats, n


def test_bad_frames_are_compared_with_nothing():
    """Frame 5 is a glitch that looks like the frame after it; 6 is no repeat."""
    draw = noise(48, 32)
    clip = clip_of(lambda n: draw(6 if n == 5 else n), 10)
    out = mixed(clip, duplicates="skip", replace=[5], factor=1)
    assert ["_RifeTimestep" in f.props for f in out.frames()].index(True) == 5
    # and 6 repeats the good 4, whatever lies between
    clip = clip_of(lambda n: draw({5: 50, 6: 4}.get(n, n)), 10)
    out = mixed(clip, duplicates="skip", replace=[5], factor=1)
    assert marks(out)[6] == 1


def test_another_clips_marks_can_be_used():
    clip = clip_of(noise(16, 16), 6)
    got = places(clip, duplicates_clip=fake([2, 2, 2]))
    assert got == [0, (0, 2, 0.5), 2, (2, 4, 0.5), 4, 5]


def test_exact_repeats_are_duplicates_at_a_threshold_of_0():
    clip = clip_of(lambda n: noise(16, 16)(n // 2), 6)
    assert marked(clip, 0) == {1, 3, 5}


@pytest.mark.parametrize("size", [(2, 48), (48, 2), (2, 2)], ids=str)
def test_repeats_of_a_clip_that_is_narrower_than_a_block_are_found(size):
    clip = clip_of(lambda n: noise(*size)(n // 2), 6)
    assert marked(clip, 0) == {1, 3, 5}


def test_without_sc_a_clips_own_marks_of_cuts_end_no_run():
    clip = fake([4, 2], cuts={1})
    assert places(clip, sc=False) == [0, (0, 4, 0.25), (0, 4, 0.5), (0, 4, 0.75), 4, 5]


def test_a_run_before_a_listed_bad_frame_is_not_filled_towards_it():
    """Frames 1 and 2 repeat frame 0; frame 3, listed as bad, is no drawing to move to."""
    got = places(fake([3, 1, 1, 1]), replace=[3])
    assert got == [0, 1, 2, (2, 4, 0.5), 4, 5]


@pytest.mark.parametrize("anchor", ["first", "centre"])
@given(
    # of runs as long as can be, too
    bits=st.lists(
        st.sampled_from([REPEATS, REPEATS, REPEATS, 0, CUT_AFTER, BAD]), min_size=49, max_size=49
    ),
    span=st.integers(2, 12),
)
@example(bits=[REPEATS] * 49, span=3)
def test_runs_never_ask_beyond_twice_the_span(anchor, bits, span):
    def around(k):
        assert abs(k) <= 2 * span
        return bits[k + 24] | INSIDE

    runs = Runs(around, span)
    if anchor == "first":
        runs.from_first()
    else:
        for time in (Fraction(0), Fraction(1, 2), Fraction(7, 8)):
            runs.from_centre(time)


@pytest.mark.parametrize("span", [2, 5])
@pytest.mark.parametrize("anchor", ["first", "centre"])
def test_a_filled_frame_reads_at_most_twice_the_span_and_one_frame_back(span, anchor):
    read = []

    def note(n, f):
        read.append(n)
        return f

    draw = noise(16, 16)
    clip = clip_of(lambda n: draw(n // span), 60)
    clip = clip.std.ModifyFrame(clip, note)
    options = {"duplicates_span": span, "duplicates_anchor": anchor}
    out = mixed(clip, factor=1, duplicates="fill", **options)
    for n in (30, 31):
        read.clear()
        out.get_frame(n).close()
        assert n - (2 * span + 1) <= min(read)
        assert max(read) <= n + 2 * span + 1
