from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.support.vgg import CONVS, vgg16
from vsrife.errors import ModelError
from vsrife.training.perceptual import PerceptualLoss
from vsrife.weights import save_weights


def reference(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """VGG-16 written out: two convolutions, two, three, three, halved in between."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    x = (image - mean) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    numbers = iter(CONVS)
    seen = []
    for stage, convs in enumerate((2, 2, 3, 3)):
        x = F.max_pool2d(x, 2) if stage else x
        for number in (next(numbers) for _ in range(convs)):
            weight, bias = (state[f"features.{number}.{part}"] for part in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        seen.append(x)
    return seen


def test_it_compares_four_depths_of_vgg_16(tmp_path: Path) -> None:
    state = vgg16(width=3)
    save_weights(tmp_path / "vgg.safetensors", state, {})
    loss = PerceptualLoss(tmp_path / "vgg.safetensors")
    image, truth = torch.rand((2, 2, 3, 32, 48), generator=torch.Generator().manual_seed(1))
    pairs = zip(reference(state, image), reference(state, truth), strict=True)
    expected = sum(float((ours - theirs).abs().mean()) for ours, theirs in pairs)
    assert float(loss(image, truth)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(image, image)) == 0


def test_weights_of_something_else_are_refused_in_words(tmp_path: Path) -> None:
    save_weights(tmp_path / "other.safetensors", {"conv.weight": torch.ones(1)}, {})
    with pytest.raises(ModelError, match=r"holds no VGG-16 with keys features\.0\.weight"):
        PerceptualLoss(tmp_path / "other.safetensors")
