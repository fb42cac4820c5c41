"""What two pictures show unmoved, for networks that ask (`Arch.still`)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.net.table import STILL_FLAT, STILL_WINDOW


def change(left: Tensor, right: Tensor) -> Tensor:
    """How far two pictures (N, 3, H, W) differ: (N, 1, H, W), mean over the channels."""
    return (left - right).abs().mean(1, keepdim=True)


def likeness(left: Tensor, right: Tensor) -> Tensor:
    """How well the patterns of two pictures agree where they are: (N, 1, H / 2, W / 2), -1..1.

    left, right (N, 3, H, W). The correlation of brightness over a window: near 1 where lettering or
    an outline stands still, near 0 where there is no pattern to tell by.
    """
    a, b = (F.avg_pool2d(image.mean(1, keepdim=True), 2) for image in (left, right))
    products = torch.cat((a, b, a * a, b * b, a * b), 1)
    mean = F.avg_pool2d(products, STILL_WINDOW, 1, STILL_WINDOW // 2, count_include_pad=False)
    a, b, aa, bb, ab = mean.chunk(5, 1)
    spread = ((aa - a * a) * (bb - b * b)).clamp(min=0).sqrt()
    alike: Tensor = (ab - a * b) / (spread + STILL_FLAT)
    return alike
