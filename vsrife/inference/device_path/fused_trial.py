"""Whether warps can be one kernel: tried once for each device, beside the warp of many calls."""

from __future__ import annotations

import functools

import torch

from vsrife.network.operations.torch import fused_warp
from vsrife.network.operations.torch.torch_operations import TorchOperations

NOT_THERE = "Triton is not installed"  # PyTorch brings it on Linux alone
_WIDTH, _HEIGHT = 40, 24  # pixels of the trial
_NEAR = 1e-3  # of 0..1: how far it may be from grid_sample, whose places are rounded


@functools.cache
def fault(device: torch.device) -> str:
    """Why `fused_warp` cannot be used on a device; empty if it can."""
    numbers = torch.Generator().manual_seed(0)
    pair, flow = (
        torch.rand((n, c, _HEIGHT, _WIDTH), generator=numbers).to(device)
        for n, c in ((2, 3), (1, 4))
    )
    flow = 9 * flow - 4
    try:
        made = fused_warp.warp(pair, flow)
    except ModuleNotFoundError:
        return NOT_THERE
    except Exception as error:  # drivers, compilers: whatever it is, there is another way
        return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    plain = TorchOperations((_WIDTH, _HEIGHT)).warp(pair, flow)
    apart = float((made - plain).abs().max())
    return "" if apart < _NEAR else f"a trial was {apart:.2g} off"
