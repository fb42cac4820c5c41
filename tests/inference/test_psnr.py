import math

import numpy as np
import pytest

from vsrife.inference.psnr import psnr


def test_a_tenth_of_the_peak_is_20_db_and_equal_values_are_infinite():
    black = np.zeros((2, 3), np.float32)
    assert psnr(black + np.float32(0.1), black) == pytest.approx(20, abs=1e-5)
    assert psnr(black + 2, black, peak=20) == pytest.approx(20)
    assert psnr(black, black) == math.inf


def test_types_of_few_bits_do_not_overflow():
    assert psnr(np.uint8([0, 255]), np.uint8([255, 0]), peak=255) == 0
    assert psnr(np.float16([300]), np.float16([0]), peak=300) == 0
