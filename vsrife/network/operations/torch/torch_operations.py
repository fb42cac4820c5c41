"""The operations in PyTorch, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.operations.interface import Span
from vsrife.network.operations.torch import fused_warp
from vsrife.network.operations.torch.torch_correlation import correlate, meet
from vsrife.network.table import SLOPE


class TorchOperations:
    """See `interface.Operations`; a pair is (2N, C, H, W)."""

    def __init__(
        self,
        size: tuple[int, int],
        *,
        compute: torch.dtype = torch.float32,
        full: torch.dtype = torch.float32,
        fused: bool = False,
    ) -> None:
        """size: width and height of the frames; compute: type of convolutions; full: all else.

        fused: warps by `fused_warp`, which has no gradients.
        """
        self._width, self._height = size
        self._compute, self._full, self._fused = compute, full, fused
        self._lines: dict[int, Tensor] = {}

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def to_compute(self, x: Tensor) -> Tensor:
        return x.to(self._compute)

    def to_full(self, x: Tensor) -> Tensor:
        return x.to(self._full)

    def add(self, a: Tensor, b: Tensor | float) -> Tensor:
        return a + b

    def subtract(self, a: Tensor | float, b: Tensor) -> Tensor:
        return a - b

    def multiply(self, a: Tensor, b: Tensor | float) -> Tensor:
        return a * b

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        return a / b

    def absolute(self, x: Tensor) -> Tensor:
        return x.abs()

    def exp(self, x: Tensor) -> Tensor:
        return x.exp()

    def sigmoid(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def clamp(self, x: Tensor, low: float, high: float) -> Tensor:
        return x.clamp(low, high)

    # Channels

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors), 1)

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        return list(torch.split(x, list(sizes), 1))

    def first(self, x: Tensor, count: int) -> Tensor:
        return x[:, :count]

    def mean_channels(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)

    def norm_channels(self, x: Tensor) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return length

    # Rows and columns

    def resize(self, x: Tensor, factor: float) -> Tensor:
        if factor == 1:
            return x
        return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

    def plane(self, timestep: Tensor, s: float) -> Tensor:
        return timestep.expand(-1, 1, int(self._height / s), int(self._width / s))

    def every(self, x: Tensor, step: int) -> Tensor:
        return x[:, :, ::step, ::step]

    def max_pool(self, x: Tensor, size: int, stride: int) -> Tensor:
        return F.max_pool2d(x, size, stride, size // 2 if stride == 1 else 0)

    def mean_pool(self, x: Tensor, size: int) -> Tensor:
        return F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)

    def pixel_shuffle(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, 2)

    # What is learnt

    def take(self, weight: Tensor, axis: int, spans: Sequence[Span]) -> Tensor:
        parts = [
            part if factor == 1 else part * factor
            for start, stop, factor in spans
            for part in [weight.narrow(axis, start, stop - start)]
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, axis)

    def conv(
        self, x: Tensor, name: str, weight: Tensor, bias: Tensor, *, stride: int = 1
    ) -> Tensor:
        return F.conv2d(x, weight, bias, stride, (weight.shape[2] - 1) // 2)

    def deconv(self, x: Tensor, name: str, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv_transpose2d(x, weight, bias, 2, 1)

    def residual(
        self, x: Tensor, name: str, weight: Tensor, bias: Tensor, beta: Tensor | None, groups: int
    ) -> Tensor:
        y = F.conv2d(x, weight, bias, 1, 1, groups=groups)
        return self.leaky(x + y if beta is None else torch.addcmul(x, y, beta))

    def leaky(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, SLOPE)

    def prelu(self, x: Tensor, slopes: Tensor) -> Tensor:
        return F.prelu(x, slopes)

    # Both frames

    def stack(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.cat((left, right))

    def unstack(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        left, right = pair.chunk(2)
        return left, right

    def images(self, pair: Tensor) -> Tensor:
        return pair[:, :3]

    def side_by_side(self, pair: Tensor, channels: int) -> Tensor:
        if pair.shape[0] == 2:
            return pair.reshape(1, 2 * channels, *pair.shape[2:])
        return torch.cat(pair.chunk(2), 1)

    def warp(self, pair: Tensor, flow: Tensor, cell: float = 1) -> Tensor:
        if self._fused:
            return fused_warp.warp(pair, flow)
        return self._sample(pair, flow, (pair.shape[3], pair.shape[2]), 1)

    def bends(self, image: Tensor, channels: int) -> Tensor:
        seen = image.mean(1, keepdim=True) if channels == 3 else image
        return torch.cat((_half_bend(seen, 3), _half_bend(seen, 2)), 1)

    def warp_sharp(self, pair: Tensor, bends: Tensor, flow: Tensor, channels: int) -> Tensor:
        if self._fused and bends.shape[1] == 2:
            return fused_warp.warp(pair, flow, bends)
        # few passes over whole frames: each costs as much memory traffic as the sampling itself
        below = flow.floor().sub_(flow)  # minus the fraction
        share = _by_picture(torch.addcmul(below, below, below))  # fraction * (fraction - 1)
        along_x, along_y = bends.chunk(2, 1)
        blur = (share[:, :1] * along_x).addcmul_(share[:, 1:], along_y)
        return self.warp(pair + blur, flow)

    def warp_small(self, pair: Tensor, flow: Tensor | None, s: float) -> Tensor:
        if flow is None:
            return self.resize(pair, 1 / s)
        if s < 4:
            return self.resize(self.warp(pair, flow), 1 / s)
        cell = int(s)
        sampled = _middles(_middles(flow, 3, cell), 2, cell)
        return F.avg_pool2d(self._sample(pair, sampled, (self._width, self._height), cell), 2)

    def _sample(self, pair: Tensor, flow: Tensor, size: tuple[int, int], cell: int) -> Tensor:
        """`pair`, of that size, warped by `flow`: every pixel, or only what `_middles` keeps."""
        w, h = size
        moved = _by_picture(flow)
        # grid_sample: -1 and 1 are the centres of the outermost pixels
        steps = 2 / max(w - 1, 1), 2 / max(h - 1, 1)
        across = self._line(flow, w, cell) * steps[0] - 1
        down = self._line(flow, h, cell)[:, None] * steps[1] - 1
        x = torch.add(across, moved[:, :1], alpha=steps[0])
        y = torch.add(down, moved[:, 1:], alpha=steps[1])
        grid = torch.cat((x, y), 1).permute(0, 2, 3, 1)
        border = "border"
        if pair.device.type == "mps":  # PyTorch before 2.13 has no border there
            grid, border = grid.clamp(-1, 1), "zeros"
        return F.grid_sample(pair, grid, mode="bilinear", padding_mode=border, align_corners=True)

    def _line(self, like: Tensor, side: int, cell: int) -> Tensor:
        """Pixel coordinates along a side; for cell > 1 only those that `_middles` keeps."""
        if side not in self._lines:
            self._lines[side] = torch.arange(side, device=like.device, dtype=like.dtype)
        line = self._lines[side]
        return line if cell == 1 else _middles(line, 0, cell)

    # Matching

    def correlate(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        return correlate(left, right, radius)

    def meet(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        return meet(left, right, radius)

    def soft_argmax(self, volume: Tensor, radius: int, sharpness: Tensor) -> Tensor:
        shares = torch.softmax(volume * sharpness, 1)
        steps = torch.arange(-radius, radius + 1, device=volume.device, dtype=volume.dtype)
        places = torch.stack((steps.repeat(len(steps)), steps.repeat_interleave(len(steps))))
        mean = torch.einsum("nkhw,ck->nchw", shares, places)
        return torch.cat((mean, volume.amax(1, keepdim=True)), 1)

    # Whole frames

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))

    def largest(self, flow: Tensor) -> Tensor:
        n, _, height, width = flow.shape
        return flow.abs().reshape(n, 2, 2, height, width).amax((2, 3, 4))


def _middles(x: Tensor, axis: int, cell: int) -> Tensor:
    """The two values around the middle of every `cell` values along an axis."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    cells = x.reshape(*before, -1, cell, *after).narrow(axis + 1, cell // 2 - 1, 2)
    return cells.reshape(*before, -1, *after)


def _by_picture(flow: Tensor) -> Tensor:
    """(N, 4, H, W) -> (2N, 2, H, W), all into the left pictures first; a view for N = 1."""
    n, _, height, width = flow.shape
    return flow.reshape(n, 2, 2, height, width).transpose(0, 1).reshape(2 * n, 2, height, width)


def _half_bend(x: Tensor, axis: int) -> Tensor:
    """Half the second difference of x along an axis, 2 or 3; 0 at both ends."""
    inner = x.shape[axis] - 2
    before, here, after = (x.narrow(axis, start, inner) for start in range(3))
    bend = (before + after).mul_(0.5).sub_(here)
    return F.pad(bend, (1, 1) if axis == 3 else (0, 0, 1, 1))
