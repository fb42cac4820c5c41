"""pace="drawn": what is drawn on twos stays on its drawings, what moves evenly moves on."""

import numpy as np
import pytest
import torch

from tests.support.clips import picture
from tests.support.films import HEIGHT, WIDTH, Film, pan, scenery
from vsrife import rife
from vsrife.network.cadence import CELL, motion, timesteps

pytestmark = pytest.mark.usefixtures("networks_stay")

SHAPE = torch.Size((1, 3, 32, 48))


def cells(pixels):
    return torch.full((1, 1, 32 // CELL, 48 // CELL), float(pixels))


@pytest.mark.parametrize("timestep", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("speed", [0, 3, 40])
def test_even_motion_keeps_its_time(timestep, speed):
    got = timesteps(timestep, cells(speed), cells(speed), cells(speed), SHAPE)
    assert torch.allclose(got, torch.full((1, 1, 32, 48), timestep), atol=1e-6)


@pytest.mark.parametrize("timestep", [0.25, 0.4])
def test_what_stood_still_before_waits_and_what_stands_still_after_has_arrived(timestep):
    assert timesteps(timestep, cells(0), cells(20), cells(0), SHAPE).max() < 0.03
    assert timesteps(1 - timestep, cells(0), cells(20), cells(0), SHAPE).min() > 0.97


def test_a_drawing_has_gone_as_far_before_it_as_after_it():
    """4 pixels into a frame and 12 out of it: 3 pixels in the half frame on either side."""
    after = float(timesteps(0.4999999, cells(4), cells(12), None, SHAPE).mean()) * 12
    before = (1 - float(timesteps(0.5, None, cells(4), cells(12), SHAPE).mean())) * 4
    assert after == pytest.approx(before, rel=0.1)
    assert after == pytest.approx(3, rel=0.1)


def test_where_nothing_is_known_time_is_even():
    got = timesteps(0.3, None, cells(7), None, SHAPE)
    assert got.mean() == pytest.approx(0.3)


def test_motion_is_the_way_from_the_left_to_the_right_frame():
    flow = torch.zeros(1, 4, 32, 48)
    flow[:, 0], flow[:, 2] = -3, 3  # half way of 6 pixels
    assert torch.allclose(motion(flow), cells(6))


def on_twos(n):
    """A background that pans by 2 pixels a frame, and a ball on it that is drawn on twos."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = pan(scenery(6, level=0.3, contrast=0.1), 1, 0, 2 * n)[0].copy()
    centre = 24 + 5 * (n - n % 2)
    picture[:, (x - centre) ** 2 + (y - 36) ** 2 < 144] = np.array([1, 0.1, 0.1])[:, None]
    return picture


def ball_at(image):
    """Horizontal centre of what is red."""
    red = np.clip(image[0] - image[1] - 0.4, 0, None)
    return (red.sum(0) * np.arange(WIDTH)).sum() / red.sum()


def test_a_ball_on_twos_keeps_to_its_drawings_while_the_background_moves_on():
    clip = Film([on_twos(n) for n in range(8)]).clip()
    plain, drawn = (rife(clip, factor=4, **o) for o in ({}, {"pace": "drawn"}))
    for left in (3, 5):  # the ball moves to its next drawing in these
        begin, end = ball_at(on_twos(left)), ball_at(on_twos(left + 1))
        early = [picture(out.get_frame(4 * left + 1)) for out in (plain, drawn)]
        for image, near in zip(early, (0.25, 0.0), strict=True):
            part = (ball_at(image) - begin) / (end - begin)
            # nano is up to 2 of the 10 pixels off: flat things over moving ground are hard for it
            assert part == pytest.approx(near, abs=0.23)
        part = (ball_at(picture(drawn.get_frame(4 * left + 3))) - begin) / (end - begin)
        assert part == pytest.approx(1, abs=0.23)
        # the background half a frame on, far from the ball
        truth = pan(scenery(6, level=0.3, contrast=0.1), 1, 0, 2 * left + 0.5)[0][:, :16]
        held = on_twos(left)[:, :16]
        errors = [np.mean((i[:, :16] - truth) ** 2) for i in (early[1], held)]
        assert errors[0] < errors[1] / 2


def test_no_motion_counts_from_beyond_a_cut():
    """New frames beside a cut are those of a clip that begins or ends there."""
    shots = [[on_twos(n) for n in range(4)], pan(scenery(9), 4, 5)]
    clip = Film([p for shot in shots for p in shot], {3}).clip()
    marked = clip[:3] + clip[3].std.SetFrameProps(_SceneChangeNext=1)
    marked += clip[4].std.SetFrameProps(_SceneChangePrev=1) + clip[5:]
    options = {"factor": 4, "pace": "drawn"}
    both = rife(marked, sc=True, sc_threshold=None, **options)
    alone = [rife(Film(shot).clip(), **options) for shot in shots]

    def difference(n, shot):
        got, wanted = both.get_frame(n), alone[shot].get_frame(n - 16 * shot)
        return np.abs(picture(got) - picture(wanted)).max()

    # before the last frame of the first shot, after the first one of the second
    assert max(difference(n, 0) for n in (9, 10, 11)) < 1e-5
    assert max(difference(n, 1) for n in (17, 18, 19)) < 1e-5
