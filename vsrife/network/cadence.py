"""Cadence of drawn film: a timestep for each part of the picture, by how unevenly it moves.

After DRBA's distance ratios. Around a drawing, what moves gets as far in the half frame before it
as in the half frame after it. Even motion goes on evenly; what moves in jumps, as things drawn on
twos do, stands still around its drawings and jumps half way between them.
"""

from __future__ import annotations

from torch import Size, Tensor
from torch.nn import functional as F

from vsrife.network import outcome
from vsrife.network.operations.torch import TorchOperations
from vsrife.network.table import CADENCE_CELL as CELL
from vsrife.network.table import CADENCE_FLOOR as FLOOR

__all__ = ["CELL", "motion", "timesteps"]


def motion(flow: Tensor) -> Tensor:
    """See `outcome.motion`; flow (N, 4, H, W) at timestep 0.5 -> (N, 1, H / 8, W / 8), pixels."""
    return outcome.motion(TorchOperations((flow.shape[3], flow.shape[2])), flow)


def timesteps(
    timestep: float, before: Tensor | None, between: Tensor, after: Tensor | None, shape: Size
) -> Tensor:
    """Timesteps (N, 1, H, W) in 0..1 for a frame at `timestep`; before ... after: see `motion`.

    In the first half, 2 * timestep * before / (before + between), mirrored in the second with
    `after`; None counts as motion as large as `between`.
    """
    beside = before if timestep < 0.5 else after
    near = min(timestep, 1 - timestep)
    other = between if beside is None else beside
    part = 2 * near * (other + FLOOR) / (other + between + 2 * FLOOR)
    whole = F.interpolate(part, size=shape[2:], mode="bilinear", align_corners=False)
    return whole if timestep < 0.5 else 1 - whole
