"""Drawn rhythm: a timestep for every part of the picture, by how unevenly it moves.

After DRBA's distance ratios. Around a drawing, what moves gets as far in the half frame before it
as in the half frame after it. Even motion goes on evenly; what moves in jumps, as things drawn on
twos do, stands still around its drawings and jumps half way between them.
"""

from __future__ import annotations

from torch import Size, Tensor
from torch.nn import functional as F

from vsrife.network.table import PACE_CELL as CELL
from vsrife.network.table import PACE_STILL as STILL


def motion(flow: Tensor) -> Tensor:
    """Distance from the left to the right frame in cells, (N, 1, H / 8, W / 8), in pixels.

    flow (N, 4, H, W) at timestep 0.5. The largest of a cell and the cells around it: what moves
    fast carries its outline along, and cells are those of the frame half way between.
    """
    distance = (flow[:, 2:] - flow[:, :2]).square().sum(1, keepdim=True).sqrt()
    coarse = F.max_pool2d(distance, CELL, ceil_mode=True)
    wide = F.max_pool2d(coarse, 3, 1, 1)
    return F.avg_pool2d(wide, 3, 1, 1, count_include_pad=False)


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
    part = 2 * near * (other + STILL) / (other + between + 2 * STILL)
    whole = F.interpolate(part, size=shape[2:], mode="bilinear", align_corners=False)
    return whole if timestep < 0.5 else 1 - whole
