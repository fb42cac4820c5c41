"""Local cost volume: how well two pictures' features match at each small displacement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

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
    if torch.is_grad_enabled():
        products: Tensor = _Products.apply(left, right, radius)
        return products.to(dtype)
    padded = F.pad(right, (radius, radius, radius, radius))
    return torch.stack([(left * moved).sum(1) for moved in _moved(padded, radius)], 1).to(dtype)


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


def _moved(padded: Tensor, radius: int) -> Iterator[Tensor]:
    """Views of `padded` at each displacement, dy slowest."""
    span = range(2 * radius + 1)
    height, width = padded.shape[2] - 2 * radius, padded.shape[3] - 2 * radius
    return (padded[:, :, dy : dy + height, dx : dx + width] for dy in span for dx in span)


class _Products(torch.autograd.Function):
    """The same sums with a gradient written out: twice as fast in training.

    What autograd derives makes a full-size tensor of zeros for each displacement.
    """

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, radius: int) -> Tensor:
        padded = F.pad(right, (radius, radius, radius, radius))
        ctx.save_for_backward(left, padded)
        ctx.radius = radius
        return torch.stack([(left * moved).sum(1) for moved in _moved(padded, radius)], 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        left, padded = ctx.saved_tensors
        by_left, by_padded = torch.zeros_like(left), torch.zeros_like(padded)
        sides = zip(_moved(padded, ctx.radius), _moved(by_padded, ctx.radius), strict=True)
        for i, (moved, by_moved) in enumerate(sides):
            one = gradient[:, i : i + 1]
            by_left.addcmul_(one, moved)
            by_moved.addcmul_(one, left)
        inside = slice(ctx.radius, -ctx.radius or None)
        return by_left, by_padded[:, :, inside, inside], None
