"""A warp as one Triton kernel: places, sharpening and sampling in one pass over the frame.

PyTorch's grid_sample wants a grid of coordinates, which takes several passes over whole frames to
make, and so does what sharpens. Coordinates are in fp32, whatever type pictures have. Triton comes
with PyTorch on Linux; where it is missing or cannot compile, `fault` says why.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_BLOCK = 256  # pixels of a program
_NEAR = 1e-3  # of 0..1: how far the trial may be from grid_sample, whose places are rounded


def warp(pair: Tensor, flow: Tensor, bends: Tensor | None = None) -> Tensor:
    """`pair` (2N, C, H, W) moved by flow (N, 4, H, W), as `Operations.warp`; with bends
    (2N, 2, H, W), as `Operations.warp_sharp`. Without gradients."""
    pictures, channels, height, width = pair.shape
    pair, flow = pair.contiguous(), flow.contiguous()
    out = torch.empty_like(pair)
    grid = (-(-height * width // _BLOCK), pictures)
    _kernel()[grid](
        pair,
        flow if bends is None else bends.contiguous(),
        flow,
        out,
        pictures // 2,
        height,
        width,
        channels=channels,
        sharp=bends is not None,
        block=_BLOCK,
    )
    return out


@functools.cache
def fault(device: torch.device) -> str:
    """Why warps on a device cannot be so; empty if they can. Tries a small one."""
    width, height = 40, 24
    numbers = torch.Generator().manual_seed(0)
    pair, flow = (
        torch.rand((n, c, height, width), generator=numbers).to(device) for n, c in ((2, 3), (1, 4))
    )
    flow = 9 * flow - 4
    try:
        made = warp(pair, flow)
    except Exception as error:  # drivers, compilers: whatever it is, there is another way
        return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    apart = float((made - _by_grid_sample(pair, flow)).abs().max())
    return "" if apart < _NEAR else f"a trial was {apart:.2g} off"


def _by_grid_sample(pair: Tensor, flow: Tensor) -> Tensor:
    height, width = pair.shape[2:]
    y, x = torch.meshgrid(
        *(torch.arange(side, device=pair.device) for side in (height, width)), indexing="ij"
    )
    place = flow.reshape(2, 2, height, width) + torch.stack((x, y))
    sides = place.new_tensor([width - 1, height - 1]).view(2, 1, 1)
    grid = (place * (2 / sides) - 1).permute(0, 2, 3, 1)
    return F.grid_sample(pair, grid, padding_mode="border", align_corners=True)


@functools.cache
def _kernel() -> Any:
    # imported here: triton takes a while, and not every machine has it
    from vsrife.network.operations.torch.fused_warp_kernel import warp_kernel

    return warp_kernel
