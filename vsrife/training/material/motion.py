"""Motion of the layers of a generated scene, as affine maps at several times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vsrife.training.material.textures import TILE

FASTER = 3.0  # in a third of the scenes, all speeds are 1 + this times as high
JOINED = 0.4  # share of layers that move with the layer below, as parts of one object
LIMIT = 0.4  # largest motion of a layer from img0 to img1, as a share of the picture's side


@dataclass(frozen=True)
class Motion:
    """Affine maps (T, N, L, 2, 3), x before y, of L layers in N scenes at T times.

    place: from the layer's plane to pixels. texture, shape: from pixels to coordinates -1..1 of the
    sheet, of the shape. radius (T, N, L): pixels per unit of a shape's distance.
    """

    place: Tensor
    texture: Tensor
    shape: Tensor
    radius: Tensor

    def at(self, first: int, step: int, scenes: Tensor | slice = slice(None)) -> Motion:
        """The maps at every `step`-th time from `first` on, of the given scenes."""
        return Motion(*(value[first::step][:, scenes] for value in vars(self).values()))


def invert(maps: Tensor) -> Tensor:
    """The inverse of affine maps (..., 2, 3)."""
    linear = torch.linalg.inv(maps[..., :2])
    return torch.cat((linear, -linear @ maps[..., 2:]), -1)


def draw_motion(
    generator: torch.Generator,
    count: int,
    layers: int,
    size: int,
    times: Tensor,
    tiles: float,
    speed_factor: float = 1.0,
    captioned: Tensor | None = None,
) -> Motion:
    """Random motion of `layers` layers in `count` scenes of size x size pixels.

    times (T, N): 0 is img0, 1 is img1. tiles: textures on each side of the sheet. speed_factor: of
    all motion. captioned (N): whether the top layer is static. One scene in ten is static; in
    nearly half of the others the camera is, and with it the background.
    """

    def rand(*shape: int) -> Tensor:
        return torch.rand((count, *shape), generator=generator)

    radius = (
        size * 0.27 * torch.exp(0.75 * torch.randn((count, layers), generator=generator))
    ).clamp(0.05 * size, 0.8 * size)
    if captioned is None:
        captioned = torch.zeros(count, dtype=torch.bool)
    place = _draw_places(generator, layers, size, times, speed_factor, captioned)
    back = invert(place)
    grown = torch.linalg.det(place[..., :2]).sqrt()
    density = torch.exp(1.2 * rand(layers) - 0.4)  # texels per pixel, 0.67 to 2.2
    texture = back * (density * 2 / (tiles * TILE))[..., None, None]
    texture[..., 2] += 1.8 * rand(layers, 2) - 0.9
    return Motion(place, texture, back / radius[..., None, None], radius * grown)


def _draw_places(
    generator: torch.Generator,
    layers: int,
    size: int,
    times: Tensor,
    speed_factor: float,
    captioned: Tensor,
) -> Tensor:
    """`Motion.place`: each layer's own motion, then the camera's."""
    count = times.shape[1]

    def rand(*shape: int) -> Tensor:
        return torch.rand((count, *shape), generator=generator)

    def some(items: int, share: float, spread: float) -> Tensor:
        values = spread * torch.randn((count, items), generator=generator)
        return (values * (rand(items) < share)).expand(-1, layers)

    moving = speed_factor * (rand(1) >= 0.1)
    fast = 1 + FASTER * (rand(1) < 0.35)
    front = torch.arange(layers) > 0
    # about one layer of seven is static in front of a moving camera, like a logo
    top = torch.arange(layers) == layers - 1
    static = captioned[:, None] & top
    carried = moving * ((rand(layers) >= 0.15) | ~front) * ~static
    centre = size * (1.2 * rand(layers, 2) - 0.1)
    speed = _speed(generator, (count, layers), 5.0 * fast, 0.15, size)
    turn, growth = some(layers, 0.4, 0.12), some(layers, 0.4, 0.07)
    own = _similar(centre, speed, turn, growth, rand(layers) * 2 * math.pi, times, carried * front)
    own = _join(generator, own, size, ~static)
    middle = torch.full((count, layers, 2), size / 2)
    speed = _speed(generator, (count, 1), 4.0 * fast, 0.45, size).expand(-1, layers, -1)
    turn, growth = some(1, 0.2, 0.05), some(1, 0.25, 0.05)
    camera = _similar(middle, speed, turn, growth, torch.zeros(count, layers), times, carried)
    from_middle = torch.eye(3)[:2].repeat(len(times), count, layers, 1, 1)
    from_middle[..., 2] = -size / 2
    return compose(camera, compose(from_middle, own))


def _join(generator: torch.Generator, own: Tensor, size: int, free: Tensor) -> Tensor:
    """Motion (T, N, L, 2, 3) with some layers attached to the layer below, slightly displaced.

    free (N, L): whether a layer may be attached.
    """
    count, layers = own.shape[1:3]
    joined = (torch.rand((count, layers), generator=generator) < JOINED) & free
    angle = 2 * math.pi * torch.rand((count, layers), generator=generator)
    beside = 0.12 * size * torch.randn((count, layers, 2), generator=generator)
    cos, sin = torch.cos(angle), torch.sin(angle)
    linear = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)
    local = torch.cat((linear, beside[..., None]), -1)
    places = [own[:, :, 0], own[:, :, 1]]
    for k in range(2, layers):  # the background has no parts
        moved = compose(places[-1], local[:, k])
        places.append(torch.where(joined[:, k, None, None], moved, own[:, :, k]))
    return torch.stack(places, 2)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """The affine map (..., 2, 3) that applies `inner` and then `outer`."""
    linear = outer[..., :2] @ inner
    return torch.cat((linear[..., :2], linear[..., 2:] + outer[..., 2:]), -1)


def _similar(
    centre: Tensor,
    speed: Tensor,
    turn: Tensor,
    growth: Tensor,
    angle: Tensor,
    times: Tensor,
    speed_factors: Tensor,
) -> Tensor:
    """Maps (T, N, L, 2, 3) of even motion; at time 0.5 at `centre`, rotated by `angle`.

    From img0 to img1: speed (N, L, 2) pixels, turn (N, L) radians, growth (N, L) natural logarithm;
    speed_factors (N, L) multiplies all three.
    """
    times = (times[..., None] - 0.5) * speed_factors
    theta = angle + turn * times
    scale = torch.exp(growth * times)
    cos, sin = scale * torch.cos(theta), scale * torch.sin(theta)
    linear = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)
    offset = centre + speed * times[..., None]
    return torch.cat((linear, offset[..., None]), -1)


def _speed(
    generator: torch.Generator, shape: tuple[int, int], median: Tensor, none: float, size: int
) -> Tensor:
    """Motion from img0 to img1, (*shape, 2) pixels; lognormal, so sometimes very fast.

    median (N, 1): pixels; none: share without motion.
    """
    far = median * torch.exp(1.0 * torch.randn(shape, generator=generator))
    far = far.clamp(max=LIMIT * size) * (torch.rand(shape, generator=generator) >= none)
    way = torch.rand(shape, generator=generator)
    # pans along the axes are common in animation
    way = torch.where(torch.rand(shape, generator=generator) < 0.3, (way * 4).round() / 4, way)
    way = way * 2 * math.pi
    return torch.stack((far * torch.cos(way), far * torch.sin(way)), -1)
