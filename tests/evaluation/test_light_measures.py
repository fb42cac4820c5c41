"""Measures where vszip and torchmetrics are not installed, as in the light install."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.needs import package
from tests.support.video_files import make_video
from vsrife.cli import main
from vsrife.evaluation.scores import measures
from vsrife.evaluation.scores.measures import Judge, measured, psnr


class Core:
    """VapourSynth's core without the plugin vszip."""

    def __getattr__(self, name: str) -> object:
        if name == "vszip":
            raise AttributeError(name)
        return getattr(vs.core, name)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(core=Core(), VideoNode=vs.VideoNode, RGBS=vs.RGBS)
    monkeypatch.setattr(measures, "vs", stand_in)
    monkeypatch.setattr(measures, "find_spec", lambda name: None)


def pictures(height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """A picture of soft shapes, and a noisy one of it that leaves 0..1."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width] / 9
    truth = np.stack([np.sin(x + k) * np.cos(y - k) for k in range(3)], -1) / 2 + 0.5
    noisy = truth + random.normal(0, 0.08, truth.shape)
    return noisy.astype(np.float32), truth.astype(np.float32)


@pytest.mark.usefixtures("light")
def test_psnr_and_ssim_need_neither():
    assert "vszip is not installed; pip install" in measures.missing()
    judge = Judge(56, 40)
    noisy, truth = pictures()
    scores = [judge(noisy, truth), judge(truth, truth)]
    assert measured(scores) == ["psnr", "ssim"]
    assert scores[0].psnr == psnr(noisy, truth)
    assert scores[1].ssim == pytest.approx(1, abs=1e-6)
    assert 0.2 < scores[0].ssim < 0.95


@pytest.mark.usefixtures("light")
def test_eval_measures_what_it_can_and_says_what_is_missing(tmp_path: Path, capsys):
    film = make_video(tmp_path / "film.mkv", with_audio=False)
    words = ["--models", "none", "--against", "hold,blend", "--frames", "5"]
    assert main(["eval", str(film), *words]) == 0
    output = capsys.readouterr()
    assert output.err.count("note: without SSIMULACRA 2: VapourSynth plugin vszip is not") == 1
    assert "PSNR in dB, more is better" in output.out
    assert "SSIM, more is better" in output.out
    assert "SSIMULACRA" not in output.out
    assert "nan" not in output.out


@pytest.mark.usefixtures("light")
def test_a_picture_too_small_for_a_window_has_psnr():
    noisy, truth = pictures(8, 12)
    score = Judge(12, 8)(noisy, truth)
    assert score.psnr == psnr(noisy, truth)
    assert isnan(score.ssim)


@pytest.mark.usefixtures("light")
def test_ssim_is_that_of_torchmetrics():
    package("torchmetrics")
    noisy, truth = pictures()
    made = Judge(56, 40)(noisy, truth).ssim
    assert made == pytest.approx(measures._ssim(noisy.clip(0, 1), truth), abs=2e-4)
