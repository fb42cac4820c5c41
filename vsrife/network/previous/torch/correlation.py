"""Local cost volume: how well two pictures' features match at each small displacement."""

from __future__ import annotations

import torch
from torch import Tensor

from vsrife.network.operations.torch import torch_correlation
from vsrife.network.table import SOFT_ARGMAX_SHARPNESS


def correlate(left: Tensor, right: Tensor, radius: int) -> Tensor:
    """Cosine of left(y, x) and right(y + dy, x + dx), 0 outside the picture.

    left, right (N, C, H, W) -> (N, (2 * radius + 1)**2, H, W); dy slowest, from -radius to radius.
    What all cells have in common is taken off first, or every cosine would be near 1.
    """
    dtype = left.dtype
    left, right = left.float(), right.float()  # sums of squares leave fp16's range
    common = (left.mean((2, 3), keepdim=True) + right.mean((2, 3), keepdim=True)) / 2
    left, right = _unit(left - common), _unit(right - common)
    return torch_correlation.correlate(left, right, radius).to(dtype)


def soft_argmax(volume: Tensor, radius: int) -> Tensor:
    """Where a cost volume of `correlate` is highest: (N, 3, H, W), x and y in radii, -1..1, height.

    The place is the mean of all displacements, weighted by a sharp softmax of the cosines, so it is
    0 where nothing tells them apart. A convolution cannot find a maximum among many numbers that
    are nearly alike; large motion was learnt slowly, or not at all, without it.
    """
    volume = volume.float()
    shares = torch.softmax(volume * SOFT_ARGMAX_SHARPNESS, 1)
    steps = torch.arange(-radius, radius + 1, device=volume.device) / radius
    x, y = steps.repeat(len(steps)), steps.repeat_interleave(len(steps))
    place = torch.einsum("nkhw,ck->nchw", shares, torch.stack((x, y)))
    return torch.cat((place, volume.amax(1, keepdim=True)), 1)


def _unit(x: Tensor) -> Tensor:
    """x (N, C, H, W) with vectors over C of length 1; those near 0 stay short."""
    # half the time of F.normalize, which strides over the channels
    return x * torch.rsqrt((x * x).sum(1, keepdim=True) + 1e-6)
