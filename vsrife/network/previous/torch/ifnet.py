"""The network of nano and small, built from a row of the table.

Coarse to fine, each block corrects two flows and a blend mask; after each, both images are warped
anew. Flow and coordinates are fp32 whatever the weights' type: the sum of flows needs the digits,
and fp16 coordinates miss whole pixels beyond 2048.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.module import Network, Outcome, Trace
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import RunOptions
from vsrife.network.outcome import confidence
from vsrife.network.previous.torch import static
from vsrife.network.previous.torch.block import Block
from vsrife.network.previous.torch.warp import base_grid, warp
from vsrife.network.table import CHANGE_WEIGHT, STATIC_EDGE_WEIGHT, Arch, arch_of, check_options


class IFNet(Network):
    """See `Network`. blocks: only so many of the first ones, to train them (None: all).

    The last entry of a `static` row's trace has a second logit, of what is static, beside the
    mask's; the flow of an outcome is less where what is static overrules it.
    """

    def __init__(self, version: str, *, scale: float = 1.0, blocks: int | None = None) -> None:
        check_options(version, scale, False)
        arch = arch_of(version)
        assert isinstance(arch, Arch)
        self.row = arch if blocks is None else arch.first(blocks)
        super().__init__(self.row, scale=scale)
        for i in range(len(self.row.widths)):
            self.add_module(f"block{i}", Block(self.row, i))

    @property
    def blocks(self) -> list[Block]:
        return [getattr(self, f"block{i}") for i in range(len(self.row.widths))]

    def prepare(self, image: Tensor) -> Tensor:
        self.check_sides(image)
        return image.to(self.dtype).clamp(0, 1)

    def interpolate(
        self,
        left: Tensor,
        right: Tensor,
        timestep: float | Tensor,
        trace: Trace | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
        matched: Tensor | None = None,
    ) -> Tensor:
        n = left.shape[0]
        if not isinstance(timestep, Tensor):
            timestep = torch.full((n, 1, 1, 1), timestep, device=left.device, dtype=torch.float32)
        t = timestep.to(left.device, torch.float32).expand(n, 1, -1, -1)
        joined = None if pictures is None else torch.cat(pictures).float()
        pair = torch.cat((left, right)).float()
        return self._run(pair, t, trace=trace, pictures=joined, outcome=outcome)

    def _run(
        self,
        pair: Tensor,
        t: Tensor,
        *,
        trace: Trace | None = None,
        pictures: Tensor | None = None,
        outcome: list[Outcome] | None = None,
    ) -> Tensor:
        """All blocks over `pair` (2N, C, H, W), the N left frames first; -> (N, 3, H, W).

        trace, outcome, pictures (2N, C, H, W): see `interpolate`.
        """
        grid = base_grid(pair)
        warped = pair
        flow: Tensor | None = None
        passed_on: list[Tensor] = []  # the mask, a logit, and features where there are any
        blocks = self.blocks
        divisors = [s / self.scale for _, s in self.row.runs]
        for i, s in zip((i for i, _ in self.row.runs), divisors, strict=True):
            block = blocks[i]
            if not (self.row.static and block is blocks[-1]):
                step, mask, features = block(warped, t, passed_on, flow, s)
            else:
                images = pair[:, :3].chunk(2)
                change = static.change(*images)
                unmoved = torch.cat((F.avg_pool2d(change, 2), static.ncc(*images)), 1)
                step, mask, still = block(warped, t, passed_on, flow, s, unmoved)
                held = static.static_edges(images[0], images[1], change)
                features = still - CHANGE_WEIGHT * change + STATIC_EDGE_WEIGHT * held
            flow = step if flow is None else flow + step
            passed_on = [mask] if features is None else [mask, features]
            if trace is not None:
                ends = self.row.static and block is blocks[-1]
                trace.append((flow, torch.cat(passed_on, 1) if ends else mask))
            source, mode = pair, "bilinear"
            if block is blocks[-1]:
                source = pair[:, :3] if pictures is None else pictures
                mode = "bicubic" if self.row.bicubic_warp else mode
            warped = warp(source, torch.cat((flow[:, :2], flow[:, 2:])), grid, mode)
        left, right = warped.chunk(2)
        still = torch.sigmoid(passed_on[1]) if self.row.static else None
        if outcome is not None and flow is not None:
            seen = flow if still is None else flow * (1 - still)
            ops = TorchOperations((pair.shape[3], pair.shape[2]))
            options = RunOptions(timestep_map=t.shape[2:] != (1, 1))
            difference = (left - right)[:, :3]
            outcome.append((confidence(ops, options, difference, flow, t), seen))
        # not left * m + right * (1 - m): this form is exact where both sides agree
        moved = right + torch.sigmoid(passed_on[0]) * (left - right)
        before, after = (pair[:, :3] if pictures is None else pictures).chunk(2)
        if self.row.bicubic_warp:
            moved = _within(moved, before, after)
        if still is None:
            return moved
        return torch.lerp(moved, torch.lerp(before, after, t), still)


def _within(moved: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """`moved` without what a bicubic warp puts beyond the range of each plane of both pictures."""
    low = torch.minimum(before.amin((2, 3), keepdim=True), after.amin((2, 3), keepdim=True))
    high = torch.maximum(before.amax((2, 3), keepdim=True), after.amax((2, 3), keepdim=True))
    return torch.clamp(moved, low, high)
