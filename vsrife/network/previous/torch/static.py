"""What two pictures show unmoved, for networks that ask (`Arch.static`)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.table import (
    NCC_FLAT,
    NCC_WINDOW,
    STATIC_EDGE_CHANGE,
    STATIC_EDGE_COUNT,
    STATIC_EDGE_STEP,
    STATIC_EDGE_WINDOW,
)


def change(left: Tensor, right: Tensor) -> Tensor:
    """How far two pictures (N, 3, H, W) differ: (N, 1, H, W), mean over the channels."""
    return (left - right).abs().mean(1, keepdim=True)


def ncc(left: Tensor, right: Tensor) -> Tensor:
    """How well the patterns of two pictures agree where they are: (N, 1, H / 2, W / 2), -1..1.

    left, right (N, 3, H, W). The correlation of brightness over a window: near 1 where lettering or
    an outline stands still, near 0 where there is no pattern to tell by.
    """
    a, b = (F.avg_pool2d(image.mean(1, keepdim=True), 2) for image in (left, right))
    products = torch.cat((a, b, a * a, b * b, a * b), 1)
    mean = F.avg_pool2d(products, NCC_WINDOW, 1, NCC_WINDOW // 2, count_include_pad=False)
    a, b, aa, bb, ab = mean.chunk(5, 1)
    spread = ((aa - a * a) * (bb - b * b)).clamp(min=0).sqrt()
    alike: Tensor = (ab - a * b) / (spread + NCC_FLAT)
    return alike


def static_edges(left: Tensor, right: Tensor, changed: Tensor) -> Tensor:
    """1 where thin or small things, lettering above all, show that they are static, else 0.

    left, right (N, 3, H, W), sides even; changed: their `change`; gives (N, 1, H, W). A pixel is
    static that is the same in both pictures and has the same edge in both, if there are such
    edges of both directions around it: where a thing moves along a straight edge, that edge looks
    still, too, but none across it does. So are the pixels beside it that are the same.
    """
    grey = [image.mean(1, keepdim=True) for image in (left, right)]
    same = (changed < STATIC_EDGE_CHANGE).float()
    edges = []
    for dim, size in ((3, (1, 2)), (2, (2, 1))):
        a, b = (g.diff(dim=dim) for g in grey)
        kept = torch.maximum(torch.minimum(a, b), -torch.maximum(a, b)) > STATIC_EDGE_STEP
        # an edge lies between two pixels
        edges.append(same * F.max_pool2d(kept.float(), size, 1, (size[0] // 2, size[1] // 2)))
    count = 4 * STATIC_EDGE_WINDOW**2  # pixels of a window
    cells = F.avg_pool2d(torch.cat(edges, 1), 2)
    around = F.avg_pool2d(cells, STATIC_EDGE_WINDOW, 1, STATIC_EDGE_WINDOW // 2)
    crossed = (around.amin(1, keepdim=True) > (STATIC_EDGE_COUNT - 0.5) / count).float()
    core = torch.maximum(*edges) * F.interpolate(crossed, scale_factor=2, mode="nearest")
    core = core * (F.avg_pool2d(core, 3, 1, 1) > (STATIC_EDGE_COUNT - 0.5) / 9)
    return same * F.max_pool2d(core, 3, 1, 1)
