"""PSNR and SSIM by VapourSynth's filters, against numpy and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import needs
from tests.support.clips import clip_of
from vsrife.errors import ArgumentError, BackendError
from vsrife.evaluation.scores import frame_measures
from vsrife.evaluation.scores.frame_measures import available, check_measures, measure

WIDTH, HEIGHT = 40, 32


def scene(n: int) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / 8
    waves = np.stack([np.sin(x + n), np.cos(y * x / 3), np.sin(y - n / 2)])
    return 0.5 + 0.45 * waves


def worse(n: int) -> np.ndarray:
    """Noise that grows, and values beyond the range, which are cut off."""
    return scene(n) + 0.08 * n * np.random.default_rng(n).normal(0, 1, (3, HEIGHT, WIDTH))


@pytest.fixture(scope="module")
def clips():
    return clip_of(scene, 5), clip_of(worse, 5)


def cut(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32).astype(float).clip(0, 1)


def ssim_by_definition(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2004: windows of 11x11 weighted by a Gaussian of 1.5, mirrored at the edges."""
    at = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(at, at) / at.sum() ** 2

    def mean(plane):
        plane = np.pad(plane, 5, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(plane, (11, 11))
        return (windows * weights).sum((-1, -2))

    found = []
    for x, y in zip(one, other, strict=True):
        mx, my = mean(x), mean(y)
        vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        top = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4)
        found.append((top / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean())
    return float(np.mean(found))


def test_psnr_and_ssim_are_what_their_definitions_say(clips):
    for n, found in enumerate(measure(*clips, ["psnr", "ssim"])):
        truth, picture = cut(scene(n)), cut(worse(n))
        if n == 0:
            assert found["psnr"] == 100
            assert found["ssim"] == pytest.approx(1, abs=1e-6)
            continue
        wanted = -10 * np.log10(((truth - picture) ** 2).mean())
        assert found["psnr"] == pytest.approx(wanted, abs=1e-3)
        # float32 loses digits where a variance is the difference of two squares
        assert found["ssim"] == pytest.approx(ssim_by_definition(truth, picture), abs=1e-4)


@pytest.mark.slow  # loads PyTorch; the test above has the same definition
def test_they_agree_with_what_eval_uses(clips):
    needs.package("torchmetrics")
    needs.package("torch")
    from vsrife.evaluation.scores.measures import Judge

    if "ssimulacra2" not in available():
        pytest.skip("needs vszip")
    judge = Judge(WIDTH, HEIGHT)
    for n, found in enumerate(measure(*clips, ["psnr", "ssim", "ssimulacra2"])):
        truth, picture = (
            np.moveaxis(cut(draw(n)), 0, -1).astype(np.float32) for draw in (scene, worse)
        )
        wanted = judge(picture, truth)
        assert found["psnr"] == pytest.approx(wanted.psnr, abs=1e-3)
        assert found["ssim"] == pytest.approx(wanted.ssim, abs=1e-4)
        assert found["ssimulacra2"] == pytest.approx(wanted.ssimulacra2, abs=1e-2)


def test_more_noise_is_worse_in_every_measure(clips):
    found = list(measure(*clips, available()))
    for name in available():
        values = [each[name] for each in found]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("size", [(16, 16), (17, 31)])
def test_the_smallest_pictures_have_scores(size):
    width, height = size
    clip = clip_of(lambda n: np.full((3, height, width), 0.25 + n / 8), 2)
    for each in measure(clip, clip, ["psnr", "ssim"]):
        assert each == {"psnr": 100, "ssim": pytest.approx(1, abs=1e-6)}


def test_a_measure_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(
        ArgumentError, match="measures must be of psnr, ssim, ssimulacra2, not 'vmaf'"
    ):
        check_measures(["psnr", "vmaf"])
    monkeypatch.setattr(frame_measures, "available", lambda: ["psnr", "ssim"])
    with pytest.raises(BackendError, match=r"vszip.*\.\[eval\]"):
        check_measures(["ssimulacra2"])
    check_measures(["psnr", "ssim"])
