"""Overlays stay as they are while what lies under them moves."""

import functools
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, picture, pictures
from tests.support.films import HEIGHT, WIDTH, Film, noisy, pan, scenery
from vsrife import rife
from vsrife.video import frames
from vsrife.video.overlay.overlays import Protection, static_mask
from vsrife.video.plans import Plan
from vsrife.video.timeline import Timeline

pytestmark = pytest.mark.usefixtures("networks_stay")


def lettering():
    """Where a line of letters and a score board are, and their colours; NaN elsewhere."""
    layer = np.full((HEIGHT, WIDTH), np.nan)
    for x in range(24, 88, 8):
        layer[12:22, x : x + 2] = 0.95
        layer[12:14, x : x + 6] = 0.95
        layer[20:22, x : x + 5] = 0.95
    layer[44:56, 50:80] = 0.1
    for x in (54, 62, 66, 71):
        layer[47:53, x : x + 3] = 0.9
    return layer


LAYER = lettering()
COVERED = ~np.isnan(LAYER)
LETTERS = np.where(COVERED, LAYER, 0) > 0.5


def under(pictures_):
    return [np.where(COVERED, LAYER, p) for p in pictures_]


@pytest.fixture
def mixing():
    """Where any network will do: one that mixes."""
    with mock.patch.object(vsrife.filter, "open_session", return_value=Mixing()):
        yield


@functools.cache  # many tests take a clip of it
def film(grain=1.0, speed=5.0):
    return Film(noisy(under(pan(scenery(5), 10, speed)), grain, 1))


def mask_of(clip):
    grey = clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    shots = (grey[:1] + grey[:-1], grey, grey[1:] + grey[-1], grey[2:] + grey[-1] * 2)
    return [np.asarray(f[0]).astype(float) / 255 for f in static_mask(*shots).frames()][1:-2]


@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.YUV422P10, vs.RGB24, vs.GRAY16, vs.RGBS])
def test_protected_pixels_are_those_of_the_nearer_source_frame(mixing, fmt):
    kind = vs.core.get_video_format(fmt)
    matrix = {} if kind.color_family == vs.RGB else {"matrix_s": "709"}
    clip = film().clip()[:3].resize.Bicubic(format=fmt, **matrix)
    white = np.zeros((1, HEIGHT, WIDTH))
    white[:, 8:24, 20:92] = 255
    mask = clip_of(lambda n: white, clip.num_frames, fmt=vs.GRAY8)
    kept, free = (list(rife(clip, factor=4, **o).frames()) for o in ({"mask": mask}, {}))
    for n in (1, 2, 3, 5, 6, 7):
        near = clip.get_frame(n // 4 + (n % 4 > 2))
        for plane in range(kind.num_planes):
            down, right = (kind.subsampling_h, kind.subsampling_w) if plane else (0, 0)
            inside = np.s_[(10 >> down) : (22 >> down), (22 >> right) : (90 >> right)]
            new, old, other = (np.asarray(f[plane]) for f in (kept[n], near, free[n]))
            assert np.array_equal(new[inside], old[inside])
            outside = np.s_[(30 >> down) :]
            # floats are merged from the protected side, which costs the other a last digit
            assert np.abs(new[outside] * 1.0 - other[outside]).max() < 1e-6


def test_half_of_the_mask_is_half_of_each(mixing):
    clip = film().clip()
    grey = clip_of(lambda n: np.full((1, HEIGHT, WIDTH), 0.5), 10, fmt=vs.GRAYS)
    half, none = (picture(rife(clip, **o).get_frame(1)) for o in ({"mask": grey}, {}))
    wanted = (none + picture(clip.get_frame(0))) / 2
    assert np.abs(half - wanted).max() < 1e-3


def test_source_frames_stay_untouched_under_any_mask(mixing):
    clip = film().clip()
    out = pictures(rife(clip, protect=True))
    for n, source in enumerate(pictures(clip)):
        assert np.array_equal(out[2 * n], source)


def test_letters_over_motion_are_found_and_little_else_is():
    masks = mask_of(film().clip())
    assert min(m[LETTERS].mean() for m in masks) > 0.95
    assert max(m[~COVERED].mean() for m in masks) < 0.25
    # nothing to protect: a bare pan, and a ball that flies over a still room
    assert max(m.mean() for m in mask_of(Film(noisy(pan(scenery(5), 10, 5), 1)).clip())) < 0.02
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    room = scenery(3)[:, :, :WIDTH]
    ball = [np.where((x - 20 - 9 * n) ** 2 + (y - 30) ** 2 < 64, 0.9, room) for n in range(10)]
    assert max(m.mean() for m in mask_of(Film(noisy(ball, 1)).clip())) < 0.02


def protected_share(film):
    """The share of each new frame that lettering makes the nearer source frame."""
    clip = film.clip(vs.GRAYS)
    plan = Plan(Timeline(clip.num_frames, Fraction(2)))
    new, near = (clip.std.BlankClip(length=2 * clip.num_frames, color=c, keep=True) for c in (0, 1))
    shown = Protection(None, True).over(new, near, clip, plan)
    return [np.asarray(f[0]).mean() for f in shown.frames()][1:-1:2]


def test_at_the_ends_of_a_clip_a_frame_does_not_confirm_itself():
    def grey(pictures_):
        return Film([p[:1] for p in noisy(pictures_, 1)])

    bare, lettered = (
        protected_share(grey(each))
        for each in (pan(scenery(6), 10, 5), under(pan(scenery(6), 10, 5)))
    )
    assert max(bare) < 0.01  # 0.21 where the first frame counts as the one before it
    # as letters between other frames are
    assert min(lettered[0], lettered[-1]) > 0.8 * np.median(lettered)


def test_protected_letters_stand_still_and_their_border_does_not_flicker():
    clip = Film(under(pan(scenery(5), 10, 5))).clip()
    source = pictures(clip)
    free, kept = (pictures(rife(clip, protect=on))[3:-4] for on in (False, True))

    def wobble(images):
        return np.mean([np.abs(i[:, LETTERS] - source[0][:, LETTERS]).mean() for i in images])

    assert wobble(kept) < 0.02 * wobble(free)
    steps = np.abs(np.diff(mask_of(clip), axis=0))
    assert steps[:, LETTERS].mean() < 0.01


def test_masks_that_do_not_fit():
    clip = film().clip()
    for mask, message in (
        ("mask.png", "mask must be a clip, not str"),
        (clip, "mask must be a grey clip, not RGBS"),
        (clip.std.ShufflePlanes(0, vs.GRAY)[:-1], "number of frames, 10, not 9"),
        (clip.std.ShufflePlanes(0, vs.GRAY).std.CropAbs(64, HEIGHT), "width, 128, not 64"),
    ):
        with pytest.raises(vs.Error, match=f"^rife: .*{message}"):
            rife(clip, mask=mask)


def grey_of(draw, length, fmt=vs.GRAY8):
    return clip_of(draw, length, fmt=fmt)


def half_of(side, white=255.0):
    mask = np.zeros((1, HEIGHT, WIDTH))
    mask[:, :, : WIDTH // 2] = white if side == "left" else 0
    mask[:, :, WIDTH // 2 :] = white if side == "right" else 0
    return mask


@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.RGBS])
def test_a_mask_and_protect_protect_what_either_says(mixing, fmt):
    clip = Film(under(pan(scenery(5), 10, 5))).clip()
    clip = clip.resize.Bicubic(format=fmt, **({} if fmt == vs.RGBS else {"matrix_s": "709"}))
    mask = np.zeros((1, HEIGHT, WIDTH))
    mask[:, :20] = 255  # far from the lettering
    options = {"mask": grey_of(lambda n: mask, 10), "protect": True}
    both, near = (np.asarray(c.get_frame(k)[0]) for c, k in ((rife(clip, **options), 9), (clip, 4)))
    alone = np.asarray(rife(clip, protect=True).get_frame(9)[0])
    assert np.array_equal(both[:19], near[:19])
    assert not np.array_equal(alone[:19], near[:19])
    assert np.abs(both[20:] * 1.0 - alone[20:]).max() < 1e-6


@pytest.mark.parametrize("fmt", [vs.YUV444P8, vs.RGBS])
def test_a_moving_mask_protects_where_it_is_white_in_either_frame(mixing, fmt):
    clip = (
        film()
        .clip()[:2]
        .resize.Bicubic(format=fmt, **({} if fmt == vs.RGBS else {"matrix_s": "709"}))
    )
    mask = grey_of(lambda n: half_of("left" if n == 0 else "right"), 2)
    new, near = (np.asarray(c.get_frame(k)[0]) for c, k in ((rife(clip, mask=mask), 1), (clip, 0)))
    assert np.array_equal(new, near)


@pytest.mark.parametrize(
    "depth", [vs.GRAY8, vs.GRAY10, vs.GRAY16, vs.GRAY32, vs.GRAYH, vs.GRAYS], ids=lambda f: f.name
)
@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.YUV420P16, vs.RGBS, vs.RGBH], ids=lambda f: f.name)
def test_masks_of_any_depth_mean_the_same(mixing, depth, fmt):
    kind = vs.core.get_video_format(depth)
    white = 1.0 if kind.sample_type == vs.FLOAT else 2.0**kind.bits_per_sample - 1
    clip = (
        film()
        .clip()[:2]
        .resize.Bicubic(format=fmt, **({} if fmt in (vs.RGBS, vs.RGBH) else {"matrix_s": "709"}))
    )
    mask = grey_of(lambda n: half_of("left", white), 2, depth)
    new, free = (np.asarray(rife(clip, **o).get_frame(1)[0]) for o in ({"mask": mask}, {}))
    near, middle = np.asarray(clip.get_frame(0)[0]), WIDTH // 2
    assert np.array_equal(new[:, :middle], near[:, :middle])
    assert np.array_equal(new[:, middle:], free[:, middle:])


@pytest.mark.parametrize("height", [HEIGHT, HEIGHT + 2])  # an odd number of chroma lines, too
def test_a_masks_properties_mean_nothing(mixing, height):
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=height, length=2)
    clip = clip[0] + clip[1].std.BlankClip(color=[200, 90, 160])
    rows = np.zeros((1, height, 64))
    rows[:, 7:] = 255
    mask = grey_of(lambda n: rows, 2)
    plain, said = (
        rife(clip, mask=each).get_frame(1)
        for each in (mask, mask.std.SetFrameProps(_FieldBased=2, _Field=1, _Range=7, _Matrix=99))
    )
    for plane in range(3):
        assert np.array_equal(plain[plane], said[plane])


@pytest.mark.parametrize("fmt", [vs.RGBS, vs.RGBH, vs.GRAYS, vs.YUV420PS])
def test_nan_of_the_source_counts_as_0_in_new_frames_under_any_mask(fmt):
    blank = vs.core.std.BlankClip(format=fmt, width=32, height=24, length=2)

    def paint(n, f):
        frame = f.copy()
        for plane in frames.planes(frame):
            plane[:] = np.random.default_rng(n).random(plane.shape) / 2
            plane[3:6, 4:9], plane[10, 10] = np.nan, np.inf
        return frame

    clip = blank.std.ModifyFrame(blank, paint)
    black, grey, white, nothing = (
        clip_of(lambda n, v=value: np.full((1, 24, 32), v), 2, fmt=vs.GRAYS)
        for value in (0, 0.5, 1, np.nan)
    )
    free = rife(clip).get_frame(1)
    for options in ({"mask": grey}, {"protect": True}, {"mask": white, "protect": True}):
        new = rife(clip, **options).get_frame(1)
        assert not any(np.isnan(plane).any() for plane in frames.planes(new))
    for mask in (black, nothing):
        new = rife(clip, mask=mask).get_frame(1)
        for plane, other in zip(*map(frames.planes, (new, free)), strict=True):
            assert np.array_equal(plane, other)
    for plane in frames.planes(rife(clip, mask=white).get_frame(1)):
        assert (plane[3:6, 4:9] == 0).all()
        assert plane[10, 10] == np.inf  # as in the source
