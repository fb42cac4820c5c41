from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import vapoursynth as vs
from safetensors.torch import save_file
from torch import nn

from tests.support.ball import ball
from vsrife.errors import ModelError
from vsrife.evaluation.scores import lpips
from vsrife.evaluation.scores.measures import BEST_PSNR, Judge, Scores, measured, psnr, worst_tenth


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
    assert all(a > b > c for a, b, c in zip(same[:3], near, far, strict=False))
    assert judge(truth, truth)[:3] == same[:3]  # no picture is mistaken for one before it


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


def test_the_worst_tenth_is_of_each_measure_for_itself() -> None:
    scores = [Scores(n, -n, 5, n, math.nan) for n in range(20)]
    worst = worst_tenth(scores)
    # less is better for Butteraugli; SSIM falls where PSNR rises
    assert worst[:4] == (0.5, -18.5, 5, 18.5)
    assert worst_tenth(scores[:3]).psnr == 0  # one at least
    assert worst_tenth(scores[:11]).psnr == 0.5
    assert measured(scores) == ["psnr", "ssim", "ssimulacra2", "butteraugli"]


def alexnet() -> nn.Sequential:
    """Layers as torchvision's alexnet().features has them, with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
    )  # fmt: skip


def test_lpips_is_that_of_torchmetrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchmetrics.functional.image import lpips as reference

    features = alexnet()
    file = tmp_path / "alexnet.safetensors"
    save_file({f"features.{name}": value for name, value in features.state_dict().items()}, file)
    monkeypatch.setattr(reference, "_get_tv_model_features", lambda net, pretrained: features)
    theirs = reference._LPIPS(net="alex").eval()
    ours = lpips.load(file)
    left, right = picture(0), picture(1)
    pair = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (left, right))
    with torch.no_grad():
        expected = float(theirs(*pair, normalize=True))
    assert expected > 1e-3
    assert ours(left, right) == pytest.approx(expected, rel=1e-4)
    assert ours(left, left) == 0
    height, width, _ = left.shape
    assert Judge(width, height, ours)(left, right).lpips == pytest.approx(expected, rel=1e-4)
    side = lpips.SMALLEST
    assert ours(left[:side, :side], right[:side, :side]) > 0


def test_a_file_that_is_no_alexnet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(8, 3, 3, 3)}, file)
    with pytest.raises(ModelError, match=r"other\.safetensors holds no AlexNet"):
        lpips.load(file)


@pytest.mark.parametrize(
    ("namespace", "name", "nits", "prop"),
    [
        ("julek", "Butteraugli", "intensity_target", "_FrameButteraugli"),
        ("vship", "BUTTERAUGLI", "intensity_multiplier", "_BUTTERAUGLI_INFNorm"),
    ],
)
def test_butteraugli_is_taken_from_a_plugin_where_there_is_one(
    namespace: str, name: str, nits: str, prop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in with the names that the plugins' documentation gives: no wheel has them."""
    given = {}

    def function(truth: vs.VideoNode, made: vs.VideoNode, **options: float) -> vs.VideoNode:
        given.update(options)
        difference = vs.core.std.Expr([truth, made], "x y - abs").std.PlaneStats()
        return _as(difference, prop)

    def _as(clip: vs.VideoNode, wanted: str) -> vs.VideoNode:
        def rename(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            frame = f.copy()
            frame.props[wanted] = f.props["PlaneStatsAverage"]
            return frame

        return clip.std.ModifyFrame(clip, rename)

    real = vs.core
    core = SimpleNamespace(std=real.std, vszip=real.vszip)
    setattr(core, namespace, SimpleNamespace(**{name: function}))
    monkeypatch.setattr(
        "vsrife.evaluation.scores.measures.vs", SimpleNamespace(core=core, RGBS=vs.RGBS)
    )
    grey = np.full((48, 64, 3), 0.5, np.float32)
    judge = Judge(64, 48)
    assert judge(grey + np.float32(0.25), grey).butteraugli == pytest.approx(0.25)
    assert judge(grey, grey).butteraugli == 0
    assert given == {nits: 203}
