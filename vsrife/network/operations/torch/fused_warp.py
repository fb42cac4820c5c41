"""A warp as one Triton kernel: places, sharpening and sampling in one pass over the frame.

PyTorch's grid_sample wants a grid of coordinates, which takes several passes over whole frames to
make, and so does what sharpens. Coordinates are in fp32, whatever type pictures have. Triton comes
with PyTorch on Linux; where it is missing or cannot compile, `device_path.fused_trial` says why.
"""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

_BLOCK = 256  # pixels of a program


def warp(pair: Tensor, flow: Tensor, bends: Tensor | None = None) -> Tensor:
    """`pair` (2N, C, H, W) moved by flow (N, 4, H, W), as `Operations.warp`; with bends
    (2N, 2, H, W), as `Operations.warp_sharp`. Without gradients."""
    pictures, channels, height, width = pair.shape
    pair, flow = pair.contiguous(), flow.contiguous()
    out = torch.empty_like(pair)
    grid = (-(-height * width // _BLOCK), pictures)
    # Triton launches on the thread's current device, wherever tensors are
    with torch.cuda.device(pair.device) if pair.is_cuda else nullcontext():
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
def _kernel() -> Any:
    # imported here: triton takes a while, and not every machine has it
    from vsrife.network.operations.torch.fused_warp_kernel import warp_kernel

    return warp_kernel
