"""A VGG-16 with torchvision's keys, as narrow as wanted, its weights random."""

from __future__ import annotations

import torch
from torch import Tensor

# Convolutions of vgg16().features by number, and their widths in units of the first one's
CONVS = {0: 1, 2: 1, 5: 2, 7: 2, 10: 4, 12: 4, 14: 4, 17: 8, 19: 8, 21: 8, 24: 8, 26: 8, 28: 8}


def vgg16(width: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    state, inputs = {}, 3
    for number, times in CONVS.items():
        outputs = width * times
        weight = torch.randn((outputs, inputs, 3, 3), generator=generator)
        state[f"features.{number}.weight"] = weight * (2 / (9 * inputs)) ** 0.5
        state[f"features.{number}.bias"] = torch.zeros(outputs)
        inputs = outputs
    return state
