"""Cadence of drawn film: a timestep map, by how unevenly each part of the picture moves.

After the distance ratios of DRBA. Around a drawing, an object moves as far in the half frame before
it as in the half frame after. Even motion stays even. An object drawn on twos is static around its
drawings and jumps half way between them.
"""

from __future__ import annotations

from torch import Size, Tensor
from torch.nn import functional as F

from vsrife.network import outcome
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.table import CADENCE_CELL as CELL
from vsrife.network.table import CADENCE_FLOOR as FLOOR

__all__ = ["CELL", "motion", "timesteps"]


def motion(flow: Tensor) -> Tensor:
    """See `outcome.motion`; flow (N, 4, H, W) at timestep 0.5 -> (N, 1, H / 8, W / 8), pixels."""
    return outcome.motion(TorchOperations((flow.shape[3], flow.shape[2])), flow)


def timesteps(
    timestep: float, before: Tensor | None, between: Tensor, after: Tensor | None, shape: Size
) -> Tensor:
    """Timestep map (N, 1, H, W) in 0..1 for a frame at `timestep`.

    before, between, after: `motion` before the left frame, between both, after the right frame;
    None counts as equal to `between`. shape: of the frames, (N, C, H, W). For timestep < 0.5 the
    value is 2 * timestep * before / (before + between); the second half mirrors this with `after`.
    """
    neighbour = before if timestep < 0.5 else after
    distance = min(timestep, 1 - timestep)
    other = between if neighbour is None else neighbour
    part = 2 * distance * (other + FLOOR) / (other + between + 2 * FLOOR)
    whole = F.interpolate(part, size=shape[2:], mode="bilinear", align_corners=False)
    return whole if timestep < 0.5 else 1 - whole
