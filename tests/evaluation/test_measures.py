from __future__ import annotations

import numpy as np
import pytest

from tests.support.ball import ball
from vsrife.evaluation.measures import BEST_PSNR, Judge, psnr


def picture(n: float = 0) -> np.ndarray:
    return ball(n).transpose(1, 2, 0).astype(np.float32)


def test_psnr_is_what_its_definition_gives() -> None:
    black = np.zeros((2, 2, 3), np.float32)
    assert psnr(black + 0.1, black) == pytest.approx(20, abs=1e-5)
    assert psnr(black, black) == BEST_PSNR
    assert psnr(black + 3, black + 1) == BEST_PSNR  # what is beyond white shows as white
    assert psnr(black + 1e-8, black) == BEST_PSNR


def test_equal_pictures_get_the_best_scores_and_pictures_farther_off_worse_ones() -> None:
    truth = picture()
    height, width, _ = truth.shape
    judge = Judge(width, height)
    same = judge(truth, truth)
    assert same.psnr == BEST_PSNR
    assert same.ssim == pytest.approx(1, abs=1e-6)
    assert 90 < same.ssimulacra2 <= 100  # cannot be told from the truth
    near, far = judge(picture(0.25), truth), judge(picture(1), truth)
    assert all(a > b > c for a, b, c in zip(same, near, far, strict=True))
    assert judge(truth, truth) == same  # no picture is mistaken for one before it


def test_ssim_is_that_of_its_formula_for_plain_pictures() -> None:
    grey, light = np.full((48, 64, 3), 0.5, np.float32), np.full((48, 64, 3), 0.7, np.float32)
    expected = (2 * 0.5 * 0.7 + 0.01**2) / (0.5**2 + 0.7**2 + 0.01**2)
    assert Judge(64, 48)(grey, light).ssim == pytest.approx(expected, abs=1e-4)


def test_a_blur_costs_ssimulacra2_more_than_a_slight_change_of_brightness() -> None:
    truth = picture()
    height, width, _ = truth.shape
    judge = Judge(width, height)
    shades = judge(truth * 0.985, truth)
    soft = (truth + np.roll(truth, 1, 1) + np.roll(truth, 2, 1)) / 3
    blurred = judge(soft, truth)
    assert shades.ssimulacra2 > blurred.ssimulacra2
