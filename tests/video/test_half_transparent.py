"""protect="auto": half-transparent overlays stay, and the ground moves under them."""

import random
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, noise, picture, pictures
from vsrife import rife
from vsrife.evaluation.cases.known_motion import dead_leaves
from vsrife.evaluation.scores.measures import psnr
from vsrife.video.overlay import half_transparent, layers
from vsrife.video.overlay.overlays import Protection

HEIGHT, WIDTH, LENGTH, STEP = 80, 128, 9, 8
LEAVES = dead_leaves(WIDTH + 96, HEIGHT + 96, 5)
WAYS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}
MATRIX = 6
OTHERS, SLOW = ("left", "down", "up"), pytest.mark.slow


class Panning(Mixing):
    """A network that knows how the whole picture moves, and moves all of it."""

    def __init__(self, way, step):
        super().__init__()
        self.way = step * np.array(WAYS[way][::-1])

    def interpolate(self, left, right, timestep, into, rhythm=None):
        ahead, back = (np.rint(by * self.way) for by in (timestep, timestep - 1))
        for a, b, plane in zip(left, right, into, strict=True):
            first, second = (
                np.roll(side, by.astype(int), (0, 1)) for side, by in ((a, ahead), (b, back))
            )
            plane[:] = first + np.float32(timestep) * (second - first)
        return 1.0


def panning(way="right", step=STEP):
    return mock.patch.object(vsrife.filter, "open_session", return_value=Panning(way, step))


def logo(opacity=0.5):
    """(1, H, W): a ring and a bar with soft edges."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    ring = 3 - np.abs(np.hypot(x - 24, y - 28) - 8)
    bar = np.minimum(3.5 - np.abs(x - 42), 9 - np.abs(y - 28))
    return opacity * np.clip(np.maximum(ring, bar), 0, 1)[None]


LOGO = logo()
NEAR = np.s_[:, 9:48, 5:56]  # the logo's box, grown by 8 pixels


def pan(way="right", cover=LOGO, colour=1.0, step=STEP):
    """Pictures at every half of a source frame."""
    across, down = WAYS[way]
    shown = []
    for n in range(1 - LENGTH, LENGTH):
        x, y = 48 - across * n * step // 2, 48 - down * n * step // 2
        ground = LEAVES[y : y + HEIGHT, x : x + WIDTH].transpose(2, 0, 1)
        shown.append((1 - cover) * ground + cover * colour)
    return shown


def drawn(shown, fmt=vs.RGBS):
    clip = clip_of(lambda n: shown[n], len(shown))
    if fmt == vs.RGBS:
        return clip
    if fmt in (vs.RGB24, vs.GRAY8):
        return clip.resize.Bicubic(format=fmt, matrix_s="709" if fmt == vs.GRAY8 else None)
    return clip.resize.Bicubic(format=fmt, matrix=MATRIX)


def source(shown, fmt=vs.RGBS):
    return drawn(shown[::2], fmt)


def rgb(clip):
    if clip.format.color_family == vs.YUV:
        clip = clip.resize.Bicubic(format=vs.RGBS, matrix_in=MATRIX)
    return pictures(clip)


def unlike(made, truth, where=np.s_[:]):
    return np.mean([psnr(a[where], b[where]) for a, b in zip(made, truth, strict=True)])


@pytest.mark.parametrize(
    ("way", "fmt", "scale"),
    [
        ("right", vs.YUV444P8, 1),
        ("up", vs.RGBS, 1),
        ("left", vs.YUV444P16, 1),
        ("down", vs.RGB24, 2),
        ("left", vs.GRAY8, 1),
    ],
)
def test_where_the_ground_is_moved_rightly_all_is_right(way, fmt, scale, monkeypatch):
    monkeypatch.setattr(half_transparent, "_WIDTH", WIDTH)  # motion is found in a smaller picture
    shown = [np.kron(each, np.ones((1, scale, scale))) for each in pan(way)]
    clip, truth = source(shown, fmt), drawn(shown[3:-3:2], fmt)
    with panning(way, scale * STEP):
        none, auto = (rife(clip, protect=on)[3:-4:2] for on in (False, "auto"))
    white = 1 if fmt == vs.RGBS else 2**clip.format.bits_per_sample - 1
    none, auto, truth = (
        [each[:, ::scale, ::scale] / white for each in pictures(some)]
        for some in (none, auto, truth)
    )
    # half of the ground shows through, and rounding to 8 bits is doubled where it is taken off
    assert unlike(auto, truth, NEAR) > 38
    assert unlike(none, truth, NEAR) < 30
    for one, other in zip(none, auto, strict=True):
        assert np.array_equal(one[:, 64:], other[:, 64:])
        assert np.array_equal(one[:, :, 72:], other[:, :, 72:])


@pytest.mark.parametrize("way", ["right", *(pytest.param(w, marks=SLOW) for w in OTHERS)])
def test_a_logo_of_half_stays_and_the_ground_moves_under_it(way):
    shown, grounds = pan(way), pan(way, cover=0 * LOGO)
    truth = shown[3:-3:2]
    none, auto, bare = (
        rgb(rife(source(each, vs.YUV420P8), protect=on)[3:-4:2])
        for each, on in ((shown, False), (shown, "auto"), (grounds, False))
    )
    assert unlike(auto, truth, NEAR) > unlike(none, truth, NEAR) + 4
    # the network sees bare ground, so the rest is what it makes of that
    below = np.s_[:, 56:]
    assert unlike(auto, bare, below) > 45
    assert unlike(auto, truth, below) > unlike(bare, truth, below) - 0.1


def test_source_frames_and_films_without_overlays_stay_bit_for_bit():
    clip = source(pan(), vs.YUV420P8)
    with panning():
        out = rife(clip, protect="auto")
    for n in range(LENGTH):
        assert np.array_equal(np.asarray(out.get_frame(2 * n)[0]), np.asarray(clip.get_frame(n)[0]))
    bare = source(pan(cover=0 * LOGO), vs.YUV420P8)
    with panning():
        none, auto = rife(bare), rife(bare, protect="auto")
    for one, other in zip(none.frames(), auto.frames(), strict=True):
        for plane in range(3):
            assert np.array_equal(np.asarray(one[plane]), np.asarray(other[plane]))


def boxes(clip):
    working = (
        clip if clip.format.id == vs.RGBS else clip.resize.Bicubic(format=vs.RGBS, matrix_in=MATRIX)
    )
    return [layers.BOXES in f.props for f in half_transparent.found(clip, working).frames()]


def test_overlays_are_found_over_one_motion_of_the_ground_alone():
    assert boxes(source(pan()))[:-1] == [True] * (LENGTH - 1)  # after the last frame is no pair
    still = source([pan()[0]] * (2 * LENGTH))
    opaque = source(pan(cover=logo(1)))
    bare = source(pan(cover=0 * LOGO))
    for clip in (still, opaque, bare, source(pan(step=0)), source(pan())[:4]):
        assert not any(boxes(clip))


def test_a_cut_ends_the_window():
    one, other = source(pan("right")), source(pan("down", cover=0 * LOGO))
    assert boxes(one + other.std.FlipVertical()) == [True] * (LENGTH - 1) + [False] * (LENGTH + 1)


def test_any_order_of_requests_gives_the_same_bytes():
    clip = source(pan(), vs.YUV420P8)
    options = {"protect": "auto", "factor": "5/2"}
    with panning():
        out, again = rife(clip, **options), rife(clip, num_streams=2, **options)
    wanted = [picture_bytes(out.get_frame(n)) for n in range(out.num_frames)]
    order = random.Random(2).sample(range(out.num_frames), out.num_frames)
    waiting = [(n, again.get_frame_async(n)) for n in order]
    for n, future in waiting:
        assert picture_bytes(future.result()) == wanted[n], n


def picture_bytes(frame):
    return b"".join(np.asarray(frame[plane]).tobytes() for plane in range(3))


def letters():
    cover = np.zeros((1, HEIGHT, WIDTH))
    for x in range(20, 100, 10):  # what repeats by the ground's step looks as if it moved
        cover[:, 12:22, x : x + 2] = cover[:, 12:14, x : x + 6] = cover[:, 20:22, x : x + 5] = 1
    return cover


LETTERS = letters()


def test_opaque_letters_stay_as_with_true_and_what_moves_along_is_no_letter():
    cover = LETTERS
    shown = pan(cover=cover, colour=0.95)
    with panning():
        none, known, auto = (
            pictures(rife(source(shown), protect=on)[3:-4:2]) for on in (False, True, "auto")
        )
    truth = shown[3:-3:2]
    inside = np.broadcast_to(cover > 0, (3, HEIGHT, WIDTH))

    def off(made):
        return np.mean([np.abs(a - b)[inside].mean() for a, b in zip(made, truth, strict=True)])

    assert off(none) > 0.1
    assert off(auto) <= off(known) + 0.002
    assert unlike(auto, truth) >= unlike(known, truth)
    away = np.s_[:, 34:]  # more than the letters' reach below
    assert all(np.array_equal(a[away], b[away]) for a, b in zip(auto, none, strict=True))


def test_where_no_one_motion_is_known_letters_are_left_to_the_network():
    cover, seeds = LETTERS, range(3, 9)
    shown = [(1 - cover) * noise(WIDTH, HEIGHT, low=0.2)(n) + 0.95 * cover for n in seeds]
    clip = drawn(shown)
    with panning():
        none, known, auto = (pictures(rife(clip, protect=on)) for on in (False, True, "auto"))
    assert not all(np.array_equal(a, b) for a, b in zip(none, known, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(none, auto, strict=True))


def test_with_cadence_letters_need_a_motion_of_the_ground_too():
    shown = [(1 - LETTERS) * noise(WIDTH, HEIGHT)(n) + 0.95 * LETTERS for n in range(3)]
    none, known, auto = (
        picture(rife(drawn(shown), protect=on, pace="drawn").get_frame(3))
        for on in (False, True, "auto")
    )
    assert not np.array_equal(none, known)
    assert np.array_equal(none, auto)


def test_nothing_is_taken_off_where_repeats_are_filled_between_others():
    shown = pan()[::2]
    repeated = [*shown[:5], shown[4], *shown[6:]]
    options = {"duplicates": "fill", "factor": 1}
    with panning():
        none, auto = (rife(drawn(repeated), protect=on, **options) for on in (False, "auto"))
    for n in (4, 5):
        assert np.array_equal(picture(none.get_frame(n)), picture(auto.get_frame(n)))
    assert not np.array_equal(picture(auto.get_frame(5)), repeated[5])


def test_motion_blur_of_a_logo_leaves_it_sharp():
    shown = pan()
    grounds = pan(cover=0 * LOGO)
    with panning():
        made = {
            on: picture(rife(source(shown), protect=on, shutter=180).get_frame(8))
            for on in (False, "auto")
        }
        blurred = picture(rife(source(grounds), shutter=180).get_frame(8))
    truth = (1 - LOGO) * blurred + LOGO
    assert psnr(made["auto"][NEAR], truth[NEAR]) > psnr(made[False][NEAR], truth[NEAR]) + 3


def test_samples_that_are_no_number_harm_nothing():
    shown = pan()
    for each in shown:
        each[:, 30:33, 30:33] = np.nan
    with panning():
        out = rife(source(shown), protect="auto")
    assert not np.isnan(picture(out.get_frame(7))).any()


def test_without_overlays_motion_blur_has_no_protection_of_its_samples():
    assert Protection(None, True).of_samples() is None
    assert Protection(None, True, True).of_samples() == Protection(None, False, True)
