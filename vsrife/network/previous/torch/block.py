"""One estimate of flow, mask and features at one scale, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsrife.network.previous.torch.correlation import correlate, soft_argmax
from vsrife.network.table import SLOPE, Arch


def resize(image: Tensor, factor: float) -> Tensor:
    """(N, C, H, W) -> (N, C, H * factor, W * factor): bilinear, half-pixel centres, aliasing."""
    if factor == 1:
        return image
    return F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)


class ResConv(nn.Module):
    """leaky(beta * conv(x) + x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones((1, width, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(torch.addcmul(x, self.conv(x), self.beta), SLOPE)


class Block(nn.Module):
    """One estimate of flow, mask and features at one scale."""

    def __init__(self, arch: Arch, index: int) -> None:
        super().__init__()
        self.arch, self.index, self.radius = arch, index, arch.block_radius(index)
        width, inputs = arch.widths[index], arch.block_inputs(index)
        self.conv0 = nn.Sequential(
            _conv(3, width // 2, 2),
            _conv(width // 2, width, arch.block_halvings(index)),
        )
        self.merge = nn.Conv2d(2 * width + arch.block_matches(index) + inputs, width, 3, 1, 1)
        self.convblock = nn.Sequential(*(ResConv(width) for _ in range(arch.block_convs(index))))
        self.shuffles, channels = arch.block_shuffles(index), arch.block_tail(index)
        tail = nn.ConvTranspose2d(width, channels * (4 if self.shuffles else 1), 4, 2, 1)
        self.lastconv = nn.Sequential(tail, nn.PixelShuffle(2)) if self.shuffles else tail
        self.growth = 2 ** arch.block_halvings(index) // (4 if self.shuffles else 2)
        last = index == len(arch.widths) - 1
        # channels beyond these are read by nobody
        self.outputs = 5 + (arch.static if last else arch.feat)

    def forward(
        self,
        pair: Tensor,
        timestep: Tensor,
        passed_on: Sequence[Tensor],
        flow: Tensor | None,
        s: float,
        unmoved: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Flow (N, 4, H, W) to add, mask (N, 1, H, W), features for the next block, at full size.

        pair (2N, 3, H, W): warped images, N left ones first; timestep (N, 1, 1, 1) or (N, 1, H, W);
        passed_on: mask and features of the block before; flow: what `pair` was warped by; s: pixels
        per cell; unmoved (N, 2, H / 2, W / 2): change and ncc of the pictures, for blocks that
        read them.
        """
        dtype = next(self.parameters()).dtype
        left, right = resize(pair, 1 / s).chunk(2)
        rest = [_fitted(timestep, s).expand(-1, 1, *left.shape[2:])]
        if flow is not None and self.index:  # the first block sees pictures only, each time it runs
            rest += [resize(x, 1 / s) for x in passed_on]
            rest.append(resize(flow, 1 / s) * (1 / s))
        x = self._correlated(left.to(dtype), right.to(dtype), torch.cat(rest, 1).to(dtype), unmoved)
        out = self._tail(self.convblock(x))
        grow = self.growth * s
        step = resize(out[:, :4].float(), grow) * grow
        if self.arch.linear_motion:
            step = step * _shares(timestep)
        others = resize(out[:, 4 : self.outputs], grow).float()
        return step, others[:, :1], others[:, 1:] if self.outputs > 5 else None

    def _correlated(
        self, left: Tensor, right: Tensor, rest: Tensor, unmoved: Tensor | None
    ) -> Tensor:
        cells = self.conv0(torch.cat((left, right)))
        left, right = cells.chunk(2)
        others = [rest] if unmoved is None else [rest, unmoved.to(rest.dtype)]
        others = [
            F.interpolate(x, size=left.shape[2:], mode="bilinear", align_corners=False)
            for x in others
        ]
        matches = [correlate(left, right, self.radius)]
        if self.arch.block_soft_argmax(self.index):
            matches.append(soft_argmax(matches[0], self.radius).to(left.dtype))
        joined = torch.cat((left, right, *matches, *others), 1)
        return F.leaky_relu(self.merge(joined), SLOPE)

    def _tail(self, x: Tensor) -> Tensor:
        if not self.shuffles:
            return self.lastconv(x)  # type: ignore[no-any-return]  # nn.Module calls are Any
        weight, bias = (
            self.lastconv.get_parameter("0.weight"),
            self.lastconv.get_parameter("0.bias"),
        )
        used = 4 * self.outputs
        return F.pixel_shuffle(F.conv_transpose2d(x, weight[:, :used], bias[:used], 2, 1), 2)


def _conv(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(SLOPE))


def _shares(timestep: Tensor) -> Tensor:
    """What flows at timestep 0.5 are multiplied by for another: (N, 4, 1 or H, 1 or W)."""
    return torch.cat((timestep, timestep, 1 - timestep, 1 - timestep), 1) * 2


def _fitted(timestep: Tensor, s: float) -> Tensor:
    return timestep if timestep.shape[2:] == (1, 1) else resize(timestep, 1 / s)
