from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs

from tests.support import clips
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import to_rgb

WIDTH, HEIGHT, STEP = 128, 96, 4


def ball(n: float) -> np.ndarray:
    """A soft ball over a ramp, n * STEP pixels on its way to the right, (3, H, W) in 0..1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    ground = 0.2 + 0.3 * y / HEIGHT
    inside = (20.5 - np.hypot(x - 40 - STEP * n, y - 48)).clip(0, 1)
    texture = 0.75 + 0.15 * np.sin((x - STEP * n) / 3) * np.cos(y / 4)
    return np.stack([ground + inside * (texture * colour - ground) for colour in (1, 0.9, 0.7)])


@pytest.fixture(scope="session")
def film() -> Film:
    """Nine frames of the ball as 8-bit 4:2:0 video."""
    rgb = clips.clip_of(ball, 9)
    return Film("ball.mkv", rgb.resize.Bicubic(format=vs.YUV420P8, matrix=6), to_rgb)
