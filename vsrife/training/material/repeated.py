"""Generated scenes of repeated patterns, with their true flow: fences, blinds, grids.

Both ways look alike half a period away, so these move less than that: the short way is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.material.drawn_scenes import Batch, draw_timestep, joined, points, within
from vsrife.training.material.textures import between, by_ratio, integer, pick

PERIODS = 10.0, 90.0  # pixels
BARS = 0.15, 0.7  # share of a period that is bar
# Largest motion from img0 to img1, as a share of the period: nearer to half, nobody knows the way
MOST = 0.42
CROSSED = 0.25  # share of scenes with bars both ways
UPRIGHT = 0.6  # share of scenes whose bars run along a side of the picture
FRAMED = 0.4  # share of scenes where only a part shows the pattern; the rest stands still
SOFTEST = 4.0  # pixels, the widest edge of a bar
FAINT = 0.05, 0.6  # contrast of the ground: what else there is to follow


def draw_repeated(
    generator: torch.Generator, count: int, size: int, photos: Sequence[Tensor] = ()
) -> Batch:
    """`count` scenes of size x size pixels; photos as of `Scenes`: their grounds; none: of noise.

    Everything in a scene moves evenly and as one, or, outside a frame, not at all.
    """
    return joined(_draw(generator, size, photos) for _ in range(count))


def _draw(generator: torch.Generator, size: int, photos: Sequence[Tensor]) -> tuple[Tensor, ...]:
    def number(low: float, high: float) -> float:
        return between(generator, low, high)

    def chance(share: float) -> bool:
        return number(0, 1) < share

    turn = number(0, math.pi)
    if chance(UPRIGHT):
        turn = round(turn / (math.pi / 2)) * math.pi / 2
    turns = (turn, turn + math.pi / 2)[: 1 + chance(CROSSED)]
    periods = [by_ratio(generator, *PERIODS) for _ in turns]
    normals = [torch.tensor([math.cos(turn), math.sin(turn)]) for turn in turns]
    motion = sum(
        number(-MOST, MOST) * period * normal
        for period, normal in zip(periods, normals, strict=True)
    )
    assert isinstance(motion, Tensor)
    t = draw_timestep(generator)

    ground = _ground(generator, size, photos)
    colours = torch.rand((2, 3, 1, 1), generator=generator)
    contrast = by_ratio(generator, *FAINT)  # mostly faint: what is clear is easy
    softness = number(1, SOFTEST)
    shares, starts = ([number(*limits) for _ in turns] for limits in (BARS, (0, 1)))
    grid = points(ground)
    framed, still = chance(FRAMED), _ground(generator, size, photos)
    middle, half = number(0.3, 0.7) * size, number(0.15, 0.4) * size

    def render(moment: float) -> tuple[Tensor, Tensor]:
        """The picture (1, 3, S, S), and where the pattern is, at a moment 0..1."""
        away = grid - (motion * (moment - t)).view(1, 2, 1, 1)
        sampled = F.grid_sample(
            ground,
            ((away + 0.5) * (2 / size) - 1).permute(0, 2, 3, 1),
            padding_mode="reflection",
            align_corners=False,
        )
        picture = torch.lerp(colours[:1], sampled, contrast)
        for normal, period, share, start in zip(normals, periods, shares, starts, strict=True):
            along = (away * normal.view(1, 2, 1, 1)).sum(1, keepdim=True) / period + start
            inside = (share / 2 - (along % 1 - 0.5).abs()) * period
            picture = torch.lerp(picture, colours[1:], (inside / softness + 0.5).clamp(0, 1))
        if not framed:
            return picture, torch.ones_like(away[:, :1])
        shown = (half - (away - middle).abs().amax(1, keepdim=True) + 0.5).clamp(0, 1)
        return torch.lerp(still, picture, shown), shown

    (img0, shown0), (truth, shown), (img1, shown1) = (render(moment) for moment in (0.0, t, 1.0))
    pattern = shown > 0.5
    flow = torch.cat([(motion * (end - t)).view(1, 2, 1, 1) * pattern for end in (0.0, 1.0)], 1)
    visible = torch.cat(
        [
            # in a frame the pattern is behind nothing, and hides the ground
            (pattern | (there < 0.5)) & within(grid + flow[:, i : i + 2], size, 1)[:, None]
            for i, there in ((0, shown0), (2, shown1))
        ],
        1,
    )
    timestep = torch.full((1, 1, 1, 1), t)
    return img0, img1, truth, timestep, flow, visible.float()


def _ground(generator: torch.Generator, size: int, photos: Sequence[Tensor]) -> Tensor:
    """A piece of a photograph (1, 3, size, size), 0..1; of noise, where there are none."""
    if not photos:
        coarse = torch.rand((1, 3, 9, 9), generator=generator)
        return F.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    photo = pick(generator, photos)
    side = min(size, *photo.shape[1:])
    top, left = (integer(generator, 0, total - side + 1) for total in photo.shape[1:])
    piece = photo[:, top : top + side, left : left + side].float()[None] / 255
    return F.interpolate(piece, (size, size), mode="bilinear")
