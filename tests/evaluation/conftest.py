from __future__ import annotations

import pytest
import vapoursynth as vs

from tests.support import clips
from tests.support.ball import ball
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import to_rgb


@pytest.fixture(scope="session")
def film() -> Film:
    """Nine frames of the ball as 8-bit 4:2:0 video."""
    rgb = clips.clip_of(ball, 9)
    return Film("ball.mkv", rgb.resize.Bicubic(format=vs.YUV420P8, matrix=6), to_rgb)
