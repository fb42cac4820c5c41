"""Backward warp."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def base_grid(image: Tensor) -> Tensor:
    """(1, 2, H, W) fp32 pixel coordinates of `image` (N, C, H, W), x before y."""
    height, width = image.shape[2:]
    y = torch.arange(height, device=image.device, dtype=torch.float32)
    x = torch.arange(width, device=image.device, dtype=torch.float32)
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))[None]


def warp(image: Tensor, flow: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """out[y, x] = image[y + v, x + u] for flow (u, v); edge repeated.

    image (N, C, H, W), any range; flow (N, 2, H, W), pixels, x before y; grid from `base_grid`;
    mode: "bilinear" or "bicubic" (Keys's kernel, a = -0.75), whose results may pass the image's
    range a little. All fp32: fp16 coordinates step by 2 pixels beyond 2048.
    """
    height, width = image.shape[2:]
    # to grid_sample's -1..1, whose ends are the centres of the outermost pixels
    x = (grid[:, 0] + flow[:, 0]) * (2 / max(width - 1, 1)) - 1
    y = (grid[:, 1] + flow[:, 1]) * (2 / max(height - 1, 1)) - 1
    where = torch.stack((x, y), 3)
    return F.grid_sample(image, where, mode=mode, padding_mode="border", align_corners=True)
