from __future__ import annotations

from fractions import Fraction

import pytest

from vsrife.media.timestamps import Times
from vsrife.rendering.film.timing import cheaper_rate, constant_rate

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("source", "wanted", "cheaper"),
    [
        (NTSC, Fraction(60), 2 * NTSC),
        (Fraction(24000, 1001), Fraction(48), Fraction(48000, 1001)),
        (Fraction(25), Fraction(50), None),
        (NTSC, 2 * NTSC, None),
        (Fraction(24), Fraction(60), None),
        (Fraction(60), Fraction(24), None),
    ],
)
def test_a_rate_that_keeps_every_frame_is_suggested(source, wanted, cheaper):
    assert cheaper_rate(source, wanted) == cheaper


def test_a_constant_rate_is_the_common_one_nearest_to_the_mean():
    times = Times(Fraction(1, 1000), [0, 42, 83, 125, 167, 208, 250])
    assert constant_rate({"factor": "2"}, times) == 48
    assert constant_rate({"fps": "60"}, times) == 60
    # a folder of images has its own, whatever is missing in it
    assert constant_rate({"factor": "5/2"}, times, Fraction(24)) == 60
    assert constant_rate({"fps": "50"}, times, Fraction(24)) == 50
