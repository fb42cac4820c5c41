"""shutter: each frame is what a camera would add up, within its scene.

The network mixes its two frames, so what it shows at any time is known.
"""

import math
import random
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, noise, picture, pictures
from vsrife import rife
from vsrife.evaluation.scores.measures import psnr
from vsrife.video.blur import light
from vsrife.video.blur.exposure import Exposure
from vsrife.video.frames import planes
from vsrife.video.timeline import Timeline, Timetable

WIDTH, HEIGHT = 16, 12
# `_Transfer` of samples that are light. Where curves are not what is proven: VapourSynth compiles
# each for a tenth of a second, for every number of samples anew
LINEAR = 8


@pytest.fixture
def mixing():
    session = Mixing()
    with mock.patch.object(vsrife.filter, "open_session", return_value=session):
        yield session


def pq(e):
    p = e ** (1 / 78.84375)
    return (np.maximum(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p)) ** (1 / 0.1593017578125)


def hlg(e):
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * math.log(4 * a)
    return np.where(e <= 0.5, e * e / 3, (np.exp((e - c) / a) + b) / 12)


def srgb(e):
    return np.where(e <= 0.04045, e / 12.92, ((e + 0.055) / 1.055) ** 2.4)


def of_images(e):
    """Light in which OpenEXR is moved: a gamma of 2.4 up to 1, then 64 doublings per 1."""
    return np.where(e <= 0.75, (np.minimum(e, 0.75) / 0.75) ** 2.4, 2 ** (64 * (e - 0.75)))


# Light of samples of 0..1, by `_Transfer`: ITU-R BT.1886, BT.2100, IEC 61966-2-1, SMPTE ST 428-1
LIGHT = {
    **dict.fromkeys((1, 6, 7, 11, 14, 15), lambda e: e**2.4),
    4: lambda e: e**2.2,
    5: lambda e: e**2.8,
    8: lambda e: e,
    13: srgb,
    16: pq,
    17: lambda e: e**2.6,
    18: hlg,
    light.LIGHT: of_images,
}


def to_light(image, transfer):
    return LIGHT[transfer](np.asarray(image, float))


def to_sample(value, transfer):
    """By bisection: nothing of the package's way back is used."""
    low, high = np.zeros_like(value), np.ones_like(value)
    for _ in range(30):
        middle = (low + high) / 2
        below = to_light(middle, transfer) < value
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def exposed(source, times, transfer):
    """The average of pictures at `times`, in source frames; the reference."""
    found = []
    for time in times:
        left = min(math.floor(time), len(source) - 1)
        right, t = min(left + 1, len(source) - 1), float(time - left)
        found.append(to_light((1 - t) * source[left] + t * source[right], transfer))
    return to_sample(np.mean(found, 0), transfer)


def moments(n, factor, shutter, count, last):
    """Times in source frames of the samples of output frame n, without those beyond the clip."""
    begin = n - Fraction(shutter) / 720
    each = Fraction(shutter) / 360 / count
    times = [(begin + (k + Fraction(1, 2)) * each) / factor for k in range(count)]
    return [time for time in times if 0 <= time <= last]


@pytest.mark.parametrize("transfer", LIGHT)
def test_light_is_averaged_as_the_standards_say(transfer):
    values = np.linspace(0, 1, 257)
    other = np.roll(values, 100)
    pair = [
        clip_of(lambda n, v=v: np.broadcast_to(v, (3, 2, 257)), 1, fmt=vs.RGBS)
        for v in (values, other)
    ]
    got = picture(light.averaged(pair, transfer).get_frame(0))[0, 0]
    wanted = to_sample((to_light(values, transfer) + to_light(other, transfer)) / 2, transfer)
    # of PQ the exponents are 79 and 1/79, of numbers with 24 bits; a step of 12 bits is 2.4e-4
    assert np.abs(got - wanted).max() < (5e-5 if transfer == 16 else 2e-6)


@pytest.mark.parametrize("transfer", light.CURVES)
def test_the_average_of_equal_samples_is_the_sample_also_beyond_black_and_white(transfer):
    values = np.linspace(-0.2, 1.0 if transfer == 16 else 1.2, 257, dtype=np.float32)
    clip = clip_of(lambda n: np.broadcast_to(values, (3, 2, 257)), 1)
    got = picture(light.averaged([clip] * 4, transfer).get_frame(0))[0, 0]
    assert np.abs(got - values).max() < (3e-5 if transfer == 16 else 1e-6)


def test_every_known_transfer_has_a_reference():
    assert set(LIGHT) == set(light.CURVES)


@pytest.mark.parametrize(
    ("factor", "shutter", "transfer"),
    [("2", 1, 8), ("2", 360, 13), ("5/2", 180.5, 13), ("5/2", 360, 8), ("2/5", 1, 8),
     ("2/5", 180.5, 8)],
)  # fmt: skip  # a table
def test_a_frame_is_the_light_of_its_exposure(mixing, factor, shutter, transfer):
    length = 4 if factor == "2/5" else 3
    # 13, sRGB, is that of RGB where none is said
    props = {} if transfer == 13 else {"_Transfer": transfer}
    clip = clip_of(noise(WIDTH, HEIGHT), length, props=lambda n: props)
    source = pictures(clip)
    out = pictures(rife(clip, factor=factor, shutter=shutter))
    count = {1: 8, 180.5: 8, 360: 16}[shutter]
    times = [moments(n, Fraction(factor), shutter, count, length - 1) for n in range(len(out))]
    assert all(times[:2])  # beyond the last source frame there are none
    for got, seen in zip(out, times, strict=True):
        if seen:
            assert np.abs(got - exposed(source, seen, transfer)).max() < 1e-5


@pytest.mark.parametrize("transfer", [1, 16, 18, 2])
def test_the_frames_transfer_function_counts(mixing, transfer):
    clip = clip_of(noise(WIDTH, HEIGHT), 3, props=lambda n: {"_Transfer": transfer})
    got = picture(rife(clip, factor=2, shutter=180).get_frame(2))
    known = 13 if transfer == 2 else transfer  # RGB
    wanted = exposed(pictures(clip), moments(2, 2, 180, 8, 2), known)
    assert np.abs(got - wanted).max() < 5e-5


def test_time_follows_frames_of_different_durations(mixing):
    lengths = [1, 3, 1, 1]
    props = lambda n: {  # noqa: E731
        "_DurationNum": lengths[n], "_DurationDen": 24, "_Transfer": LINEAR,
    }  # fmt: skip
    clip = clip_of(noise(WIDTH, HEIGHT), 4, fps=(0, 1), props=props)
    got = picture(rife(clip, fps=48, vfr=True, shutter=360).get_frame(4))
    # at 2 / 24 s, half a frame of 1 / 48 s on either side: a third of the way from frame 1 to 2
    times = [Fraction(4, 3) + Fraction(2 * k - 15, 32) / 6 for k in range(16)]
    assert np.abs(got - exposed(pictures(clip), times, LINEAR)).max() < 1e-5


@pytest.mark.parametrize(
    "fmt", [vs.YUV420P8, vs.YUV422P10, vs.YUV444PS, vs.RGB24, vs.RGBH, vs.GRAY16, vs.GRAYS]
)
def test_frames_keep_the_clips_format_and_what_does_not_move_its_value(mixing, fmt):
    """The left half stands still, the right half is noise."""

    def draw(n):
        image = noise(32, 16)(n)
        image[:, :, :16] = 0.3
        return image

    matrix = {} if vs.core.get_video_format(fmt).color_family == vs.RGB else {"matrix_s": "709"}
    clip = clip_of(draw, 4).resize.Bicubic(format=fmt, **matrix)
    out = rife(clip, factor=2, shutter=180)
    assert (out.format.id, out.num_frames, out.fps) == (fmt, 8, clip.fps * 2)
    step = 1.0 if clip.format.sample_type == vs.INTEGER else 1e-3
    for n in (1, 2, 3):
        for got, own in zip(planes(out.get_frame(n)), planes(clip.get_frame(0)), strict=True):
            quarter = slice(0, own.shape[1] // 4)
            still = got[:, quarter].astype(float) - own[:, quarter].astype(float)
            assert np.abs(still).max() <= step
        assert (planes(out.get_frame(n))[0] != planes(clip.get_frame(n // 2))[0]).mean() > 0.3


@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.RGB24])
def test_a_picture_that_stands_still_stays_bit_for_bit(mixing, fmt):
    still = noise(WIDTH, HEIGHT)(1)
    matrix = {"matrix_s": "709"} if fmt == vs.YUV420P8 else {}
    clip = clip_of(lambda n: still, 4).resize.Bicubic(format=fmt, **matrix)
    source = [p.tobytes() for p in planes(clip.get_frame(0))]
    out = rife(clip, factor=2, shutter=360)
    assert all([p.tobytes() for p in planes(f)] == source for f in out.frames())
    assert not mixing.made


def test_what_covers_more_counts_for_more(mixing):
    """Two colours whose alpha changes; light is weighted with it."""
    colours = {0: 0.2, 1: 0.9, 2: 0.4}
    covers = {0: 1.0, 1: 0.25, 2: 0.0}
    clip = clip_of(lambda n: np.full((3, HEIGHT, WIDTH), colours[n]), 3)
    alpha = clip_of(lambda n: np.full((1, HEIGHT, WIDTH), covers[n]), 3, fmt=vs.GRAYS)
    clip = clip.std.ClipToProp(alpha, prop="_Alpha")
    got = rife(clip, factor=1, shutter=360).get_frame(1)
    times = moments(1, 1, 360, 16, 2)
    total, weight = 0.0, []
    for time in times:
        left = math.floor(time)
        t, right = float(time - left), min(left + 1, 2)
        cover = (1 - t) * covers[left] + t * covers[right]
        total += cover * srgb((1 - t) * colours[left] + t * colours[right])
        weight.append(cover)
    wanted = to_sample(np.array(total / sum(weight)), 13)
    assert np.asarray(got[0]) == pytest.approx(wanted, abs=1e-5)
    assert np.asarray(got.props["_Alpha"][0]) == pytest.approx(np.mean(weight), abs=1e-5)


def test_where_nothing_is_covered_there_is_colour_and_no_black(mixing):
    clip = clip_of(lambda n: np.full((3, HEIGHT, WIDTH), 0.5 + 0.1 * n), 3)
    clip = clip.std.ClipToProp(clip.std.BlankClip(format=vs.GRAY8, keep=True), prop="_Alpha")
    got = rife(clip, factor=1, shutter=360).get_frame(1)
    assert np.asarray(got[0]) == pytest.approx(0.6, abs=0.01)
    assert not np.asarray(got.props["_Alpha"][0]).any()


def over(ground, light_of_it, cover):
    """A picture over a ground, both in light."""
    return cover * light_of_it + (1 - cover) * ground


@pytest.mark.parametrize("transfer", [13, 1])
def test_what_is_premultiplied_adds_up_as_it_looks_over_any_ground(mixing, transfer):
    """Light over a ground is the mean of the light of the samples over it."""
    covers = np.array([0, 0.02, 0.5, 1, 1])[None, None, :].repeat(HEIGHT, 1)
    moved = [np.roll(covers, n, 2) for n in range(3)]
    colours = [0.9 - 0.3 * n + 0 * covers.repeat(3, 0) for n in range(3)]
    props = lambda n: {light.FORM: light.PREMULTIPLIED, "_Transfer": transfer}  # noqa: E731
    clip = clip_of(lambda n: colours[n] * moved[n], 3, props=props)
    alpha = clip_of(lambda n: moved[n], 3, fmt=vs.GRAYS)
    clip = clip.std.ClipToProp(alpha, prop="_Alpha")
    got = rife(clip, factor=1, shutter=360).get_frame(1)
    cover = np.asarray(got.props["_Alpha"][0])
    colour = picture(got) / np.where(cover > 0, cover, 1)
    for ground in (0.0, 1.0, 0.18):
        seen = []
        for time in moments(1, 1, 360, 16, 2):
            left = math.floor(time)
            t, right = float(time - left), min(left + 1, 2)
            a = (1 - t) * moved[left] + t * moved[right]
            mix = (1 - t) * moved[left] * colours[left] + t * moved[right] * colours[right]
            seen.append(over(ground, to_light(mix / np.where(a > 0, a, 1), transfer), a))
        found = over(ground, to_light(colour, transfer), cover)
        assert np.abs(found - np.mean(seen, 0)).max() < 1e-5


def test_what_is_opaque_is_exact(mixing):
    """Bit for bit as without alpha."""
    props = lambda n: {light.FORM: light.PREMULTIPLIED}  # noqa: E731
    clip = clip_of(noise(WIDTH, HEIGHT), 3, props=props)
    opaque = clip_of(lambda n: np.ones((1, HEIGHT, WIDTH)), 3, fmt=vs.GRAYS)
    premultiplied = clip.std.ClipToProp(opaque, prop="_Alpha")
    straight = premultiplied.std.RemoveFrameProps(light.FORM)
    one, other = (rife(c, factor=1, shutter=360).get_frame(1) for c in (premultiplied, straight))
    assert np.array_equal(picture(one), picture(other))
    assert set(np.asarray(one.props["_Alpha"][0]).flat) == {1.0}


def test_a_colour_that_exceeds_what_covers_it_makes_no_glowing_rim(mixing):
    """As the network makes it, which moves colours and alpha each for itself."""
    clip = clip_of(
        lambda n: np.full((3, HEIGHT, WIDTH), 0.02 + 1e-3 * n), 3,
        props=lambda n: {light.FORM: light.PREMULTIPLIED},
    )  # fmt: skip
    alpha = clip_of(lambda n: np.full((1, HEIGHT, WIDTH), 0.01), 3, fmt=vs.GRAYS)
    got = rife(clip.std.ClipToProp(alpha, prop="_Alpha"), factor=1, shutter=360).get_frame(1)
    assert picture(got) == pytest.approx(0.01, abs=1e-6)


def test_light_of_images_with_alpha_is_premultiplied_already(mixing):
    levels, covers = (0.2, 0.75, 0.8), (0.0, 0.5, 1.0)
    props = lambda n: {light.FORM: light.LIGHT}  # noqa: E731
    clip = clip_of(lambda n: np.full((3, HEIGHT, WIDTH), levels[n]), 3, props=props)
    alpha = clip_of(lambda n: np.full((1, HEIGHT, WIDTH), covers[n]), 3, fmt=vs.GRAYS)
    got = rife(clip.std.ClipToProp(alpha, prop="_Alpha"), factor=1, shutter=360).get_frame(1)
    times = moments(1, 1, 360, 16, 2)
    wanted = exposed([np.array(level) for level in levels], times, light.LIGHT)
    assert picture(got) == pytest.approx(float(wanted), abs=1e-5)
    assert np.asarray(got.props["_Alpha"][0]) == pytest.approx(0.5, abs=1e-5)


def test_any_order_of_requests_gives_the_same_bytes(mixing):
    clip = clip_of(noise(WIDTH, HEIGHT), 5).resize.Bicubic(format=vs.YUV420P8, matrix_s="709")
    options = {"factor": "5/2", "shutter": 270, "sc": True, "sc_threshold": 0.3}

    def read(out, n):
        return b"".join(p.tobytes() for p in planes(out.get_frame(n)))

    out = rife(clip, **options)
    in_order = [read(out, n) for n in range(out.num_frames)]
    again = rife(clip, num_streams=3, **options)
    again.std.SetVideoCache(mode=0)
    for n in random.Random(3).choices(range(out.num_frames), k=12):
        assert read(again, n) == in_order[n], n
    order = random.Random(4).sample(range(out.num_frames), out.num_frames)
    waiting = [(n, again.get_frame_async(n)) for n in order]
    for n, future in waiting:
        assert b"".join(p.tobytes() for p in planes(future.result())) == in_order[n]


def test_the_samples_of_a_frame_share_what_the_network_found(mixing):
    clip = clip_of(noise(WIDTH, HEIGHT), 8, props=lambda n: {"_Transfer": LINEAR})
    pictures(rife(clip, factor=2, shutter=360))
    assert mixing.prepared == 8


def scenes_of(levels, fmt=vs.RGBS):
    """Scenes of noise around a level each, all of whose frames differ."""
    props = lambda n: {  # noqa: E731
        "_SceneChangeNext": int(n + 1 < len(levels) and levels[n] != levels[n + 1]),
        "_SceneChangePrev": int(n > 0 and levels[n] != levels[n - 1]),
        "_Transfer": LINEAR,
    }
    return clip_of(
        lambda n: levels[n] + 0.1 * noise(WIDTH, HEIGHT)(n), len(levels), fmt=fmt, props=props
    )


@pytest.mark.parametrize(
    ("factor", "mode"), [("1", "hold"), ("5/2", "hold"), ("5/2", "nearest"), ("2/3", "nearest")]
)
def test_no_light_of_one_scene_comes_into_another(mixing, factor, mode):
    levels = [0.1, 0.9, 0.9, 0.5, 0.1]
    clip = scenes_of(levels)
    out = rife(clip, factor=factor, shutter=360, sc=True, sc_threshold=None, sc_mode=mode)
    for n, frame in enumerate(pictures(out)):
        time = Fraction(n) / Fraction(factor)
        left = min(int(time), 4)
        right = min(left + 1, 4)
        level = levels[right if mode == "nearest" and time - left > Fraction(1, 2) else left]
        assert level <= frame.min() <= frame.max() <= level + 0.1, n


def test_a_held_frame_repeats_its_neighbours_blur(mixing):
    clip = scenes_of([0.1] * 3 + [0.8] * 3)
    out = rife(clip, factor=3, shutter=360, sc=True, sc_threshold=None)
    frames = pictures(out)
    assert np.array_equal(frames[7], frames[6])
    assert np.array_equal(frames[8], frames[6])
    assert not np.array_equal(frames[6], picture(clip.get_frame(2)))
    assert np.array_equal(frames[17], frames[15])  # also at the end of the clip
    assert [f.props["_SceneChangeNext"] for f in out.frames()] == [0] * 8 + [1] + [0] * 9


def test_at_a_cut_that_is_blended_the_blend_is_the_one_without_blur(mixing):
    clip = scenes_of([0.1] * 2 + [0.8] * 2)
    options = {"factor": 2, "sc": True, "sc_threshold": None, "sc_mode": "blend"}
    with_blur, without = (rife(clip, **options, **more) for more in ({"shutter": 360}, {}))
    assert np.array_equal(*(picture(out.get_frame(3)) for out in (with_blur, without)))


@settings(max_examples=60)
@given(
    st.integers(2, 9),
    st.sets(st.integers(0, 8)),
    st.fractions(Fraction(1, 4), 5, max_denominator=7),
    st.integers(1, 360),
    st.booleans(),
)
def test_chosen_samples_are_those_of_the_scene_that_is_shown(length, cuts, factor, shutter, vary):
    """Against scenes counted one by one."""
    lengths = [Fraction(1 + n % 3, 24) for n in range(length)]
    times = Timetable(lengths, 24 * factor) if vary else Timeline(length, factor)
    exposure = Exposure(times, Fraction(shutter))
    starts = [sum(cut < frame for cut in cuts) for frame in range(length)]  # scene of each frame

    def scene(moment):
        """None between two scenes, before the first and after the last frame."""
        if moment < 0:
            return None
        left, passed = times.left(moment), times.passed(moment)
        if not passed:
            return starts[left]
        return starts[left] if left + 1 < length and starts[left + 1] == starts[left] else None

    for n in range(times.num_frames):
        chosen = exposure.chosen(n, lambda k: k in cuts, "hold")
        own, shown = scene(n), starts[times.left(n)]
        if chosen is None:
            continue
        assert chosen.frame == n or own is None
        assert starts[times.left(chosen.frame)] == shown
        first = chosen.frame * exposure.samples
        all_scenes = [scene(exposure.moment(first + k)) for k in range(exposure.samples)]
        wanted = [k for k, each in enumerate(all_scenes) if each == shown]
        assert wanted == list(range(chosen.begin, chosen.end))


def test_protected_pixels_stay_those_of_the_nearer_source_frame(mixing):
    clip = clip_of(noise(WIDTH, HEIGHT), 4).resize.Bicubic(format=vs.YUV444P8, matrix_s="709")
    mask = clip_of(lambda n: np.eye(HEIGHT, WIDTH)[None] * 255, 4, fmt=vs.GRAY8)
    out = rife(clip, factor=2, shutter=360, mask=mask)
    own, got = picture(clip.get_frame(1)), picture(out.get_frame(3))
    where = np.eye(HEIGHT, WIDTH) > 0
    assert np.array_equal(got[:, where], own[:, where])
    assert (got[:, ~where] != own[:, ~where]).mean() > 0.5


def test_duplicates_are_filled_before_they_are_exposed(mixing):
    """Drawings on twos: between them is motion, and with it blur."""
    drawings = [noise(WIDTH, HEIGHT)(n) for n in range(4)]
    marks = lambda n: {"_Duplicate": n % 2, "_Transfer": LINEAR}  # noqa: E731
    clip = clip_of(lambda n: drawings[n // 2], 8, props=marks)
    options = {"duplicates": "fill", "duplicates_threshold": None}
    out = pictures(rife(clip, factor=1, shutter=360, **options))
    # frame 3 lies between the drawings of frames 2 and 4, exposed from 1/4 to 3/4 of the way
    times = [Fraction(3, 2) + Fraction(2 * k - 15, 64) for k in range(16)]
    assert np.abs(out[3] - exposed(drawings, times, LINEAR)).max() < 1e-5


def test_properties_are_those_of_the_frames_own_place(mixing):
    clip = clip_of(noise(WIDTH, HEIGHT), 3, props=lambda n: {"number": n, "_AbsoluteTime": n / 24})
    frames = list(rife(clip, factor=2, shutter=90).frames())
    assert [f.props["number"] for f in frames] == [0, 0, 1, 1, 2, 2]
    assert [f.props.get("_RifeTimestep") for f in frames[:4]] == [None, 0.5, None, 0.5]
    assert (frames[3].props["_RifeLeft"], frames[3].props["_RifeRight"]) == (1, 2)
    assert {f.props["_RifeShutter"] for f in frames} == {90.0}
    assert "_RifeConfidence" not in frames[1].props
    length = [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in frames]
    assert length == [Fraction(1001, 48000)] * 6


def test_samples_that_are_no_number_spoil_nothing_else(mixing):
    def draw(n):
        image = noise(WIDTH, HEIGHT)(n)
        image[0, 0, 0] = np.nan
        return image

    out = picture(rife(clip_of(draw, 3), shutter=180).get_frame(1))
    assert np.isfinite(out).all()


@pytest.mark.parametrize("value", [0, 0.5, 361, -180, math.nan, math.inf, "wide", True, [180]])
def test_other_shutters_are_refused(value):
    clip = clip_of(noise(WIDTH, HEIGHT), 2)
    message = r"^rife: shutter must be a number of degrees from 1 to 360, not .*; 180 is"
    with pytest.raises(vs.Error, match=message):
        rife(clip, shutter=value)


def test_an_endless_clip_is_refused():
    clip = vs.core.std.BlankClip(format=vs.RGBS, width=16, height=16, length=2**30, keep=True)
    with pytest.raises(vs.Error, match=r"^rife: shutter makes 8 pictures .*; trim the clip$"):
        rife(clip, shutter=180)


def test_blurred_frames_are_near_the_drawn_truth():
    """A disc with a soft edge, with the network that comes with the package."""
    y, x = np.mgrid[:48, :64]

    def draw(time):
        cover = np.clip(8.5 - np.hypot(x - 16 - 8 * time, y - 24 - 2 * time), 0, 1)
        return np.stack([0.3 + 0 * x + cover * (level - 0.3) for level in (0.9, 0.6, 0.1)])

    clip = clip_of(draw, 4)
    sharp, soft = (rife(clip, factor=2, shutter=shutter) for shutter in (None, 360))
    for n in (2, 3):
        times = [n / 2 + (k + 0.5 - 32) / 64 / 2 for k in range(64)]
        truth = to_sample(np.mean([to_light(draw(t), 13) for t in times], 0), 13)
        scores = [
            psnr(np.moveaxis(each, 0, -1), np.moveaxis(truth, 0, -1).astype(np.float32))
            for each in (picture(sharp.get_frame(n)), picture(soft.get_frame(n)))
        ]
        assert scores[1] > scores[0] + 6
        assert scores[1] > 38
