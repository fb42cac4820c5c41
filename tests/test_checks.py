"""Values that people write in more than one way."""

from fractions import Fraction

import pytest

from tests.support.clips import clip_of, noise
from vsrife import rife
from vsrife.checks import read_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("59.94", "60000/1001"), ("29.97", "30000/1001"), ("23.976", "24000/1001"),
        ("23.98", "24000/1001"), ("119.88", "120000/1001"), ("47.952", "48000/1001"),
        ("60", "60"), ("60000/1001", "60000/1001"), ("12.5", "12.5"), ("59.95", "59.95"),
        ("59.9", "59.9"), ("fast", "fast"), ("", ""), (".", "."), ("59.9401", "59.9401"),
    ],
)  # fmt: skip
def test_decimals_of_an_ntsc_rate_mean_that_rate(text: str, rate: str):
    assert read_rate(text) == rate


def test_decimals_mean_so_in_scripts_too():
    clip = clip_of(noise(64, 48), 3).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    assert rife(clip, fps="59.94").fps == Fraction(60000, 1001)
    assert rife(clip, fps="59.95").fps == Fraction(1199, 20)
    assert rife(clip, factor="59.94").fps == Fraction(30000, 1001) * Fraction("59.94")
