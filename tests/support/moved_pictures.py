"""Pictures moved by their flow, as a reference for generated scenes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.material.drawn_scenes import points


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """out[y, x] = image[y + v, x + u] for flow (u, v), bilinear, edge repeated."""
    side = image.shape[-1]
    place = points(image) + flow
    where = (place * (2 / (side - 1)) - 1).permute(0, 2, 3, 1)
    return F.grid_sample(image, where, padding_mode="border", align_corners=True)


def inner(visible: Tensor) -> Tensor:
    """Without the pixel next to where visibility ends: its colour is mixed of two layers."""
    return 1 - F.max_pool2d(1 - visible, 3, 1, 1)
