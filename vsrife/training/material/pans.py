"""Far pans over photographs, with their true flow.

Footage holds few motions as far as a third of what crops of it show, and what asks for nothing far
unlearns it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.material.drawn_scenes import Batch, draw_timestep, joined, points, within
from vsrife.training.material.textures import between, integer, pick

LENGTHS = 0.05, 0.22  # from img0 to img1, as a share of the picture's side
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
    length = size * between(generator, *LENGTHS)
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

    img0, truth, img1 = (render(moment) for moment in (0.0, t, 1.0))
    ways = [(motion * (end - t)).view(1, 2, 1, 1).expand_as(grid) for end in (0.0, 1.0)]
    visible = [within(grid + way, size, 1)[:, None].float() for way in ways]
    timestep = torch.full((1, 1, 1, 1), t)
    return img0, img1, truth, timestep, torch.cat(ways, 1), torch.cat(visible, 1)
