"""Pans over photographs, with their true flow; some with still lettering and shapes on them.

Footage holds few motions as far as a third of what crops of it show, and what asks for nothing far
unlearns it. Where whole pictures pan, nothing stands still, and letters blur: hence those on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.material.drawn_scenes import Batch, draw_timestep, joined, points, within
from vsrife.training.material.textures import between, by_ratio, integer, make_shapes, pick

LENGTHS = 0.05, 0.22  # from img0 to img1, as a share of the picture's side
COVERED = 0.6  # share of pans with something still on them
COVERED_LENGTHS = 0.004, 0.22  # of those: near ones as often as far ones
MOST_STILL = 3  # lettering or shapes on a picture
LETTERS = 0.75  # share of lettering among them
HALVES = 0.08, 0.35  # half of their width, as a share of the picture's side
SOFTEST = 2.0  # pixels, the widest edge of them; the sharpest has none
OUTLINED = 0.4  # share with a line inside the edge
LINE = 1.0, 3.0  # pixels, the width of that line
STRAIGHT = 0.6  # share of pans along a side of the picture
SCALES = 0.55, 1.0  # pixels of the photograph for one of the picture


def draw_pans(generator: torch.Generator, count: int, size: int, photos: Sequence[Tensor]) -> Batch:
    """`count` pans of size x size pixels; photos as of `Scenes`, at least one."""
    return joined(_draw(generator, size, pick(generator, photos)) for _ in range(count))


def _draw(generator: torch.Generator, size: int, photo: Tensor) -> tuple[Tensor, ...]:
    picture = photo[torch.randperm(3, generator=generator)].float()[None] / 255
    turn = between(generator, 0, 2 * math.pi)
    if between(generator, 0, 1) < STRAIGHT:
        turn = integer(generator, 0, 4) * math.pi / 2
    covered = between(generator, 0, 1) < COVERED
    length = size * between(generator, *LENGTHS)
    if covered:
        length = size * by_ratio(generator, *COVERED_LENGTHS)
    motion = length * torch.tensor([math.cos(turn), math.sin(turn)])
    t = draw_timestep(generator)

    # in view is a part of the photograph, or all of it and its mirror images
    scale, sides = between(generator, *SCALES), torch.tensor(photo.shape[:0:-1])
    free = (sides - scale * (size + motion.abs())).clamp(min=0)
    middle = sides / 2 + free * (torch.rand(2, generator=generator) - 0.5)
    grid = points(picture.new_empty(1, 1, size, size))
    centred = grid - (size - 1) / 2

    def render(moment: float) -> Tensor:
        away = centred - (motion * (moment - 0.5)).view(1, 2, 1, 1)
        place = (away * scale + middle.view(1, 2, 1, 1)) * (2 / sides.view(1, 2, 1, 1)) - 1
        sampled = F.grid_sample(
            picture,
            place.permute(0, 2, 3, 1),
            mode="bicubic",
            padding_mode="reflection",
            align_corners=False,
        )
        return sampled.clamp(0, 1)

    pictures = [render(moment) for moment in (0.0, t, 1.0)]
    ways = [(motion * (end - t)).view(1, 2, 1, 1).expand_as(grid) for end in (0.0, 1.0)]
    visible = [within(grid + way, size, 1)[:, None] for way in ways]
    if covered:
        colour, cover = _still(generator, grid, size)
        pictures = [torch.lerp(picture, colour, cover) for picture in pictures]
        still = cover > 0.5
        # what stands still hides the ground behind it
        visible = [
            still | (seen & (_nearest(cover, grid + way, size) <= 0.5))
            for seen, way in zip(visible, ways, strict=True)
        ]
        ways = [way * ~still for way in ways]
    img0, truth, img1 = pictures
    timestep = torch.full((1, 1, 1, 1), t)
    return img0, img1, truth, timestep, torch.cat(ways, 1), torch.cat(visible, 1).float()


def _still(generator: torch.Generator, grid: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Colours (1, 3, S, S) of what stands still, and how much of each pixel it covers."""
    colour, cover = torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size)
    for _ in range(integer(generator, 1, MOST_STILL + 1)):
        shape = make_shapes(generator, 1, captions=between(generator, 0, 1) < LETTERS)
        half = size * between(generator, *HALVES)
        middle = size * torch.rand((1, 2, 1, 1), generator=generator)
        place = ((grid - middle) / half).permute(0, 2, 3, 1)
        inside = half * F.grid_sample(shape, place, padding_mode="border", align_corners=False)
        softness = between(generator, 0.01, SOFTEST)
        ink, line = torch.rand((2, 1, 3, 1, 1), generator=generator)
        if between(generator, 0, 1) < OUTLINED:
            width = between(generator, *LINE)
            ink = torch.lerp(line, ink, (inside - width + 0.5).clamp(0, 1))
        edge = (inside / softness + 0.5).clamp(0, 1)
        colour, cover = torch.where(edge > 0, ink, colour), torch.maximum(cover, edge)
    return colour, cover


def _nearest(picture: Tensor, place: Tensor, size: int) -> Tensor:
    """The picture (1, 1, S, S) at the pixels nearest to places (1, 2, S, S); outside the edge's."""
    x, y = place.round().long().clamp(0, size - 1).unbind(1)
    return picture[0, 0, y, x][:, None]
