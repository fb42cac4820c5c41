"""Textures and shapes of the generated scenes.

Both are drawn once before training. A scene samples them at random positions, rotated and
recoloured, so a few hundred suffice for scenes that never repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

TILE = 192  # width and height of a texture, texels
SHAPE = 128  # width and height of a shape, texels
PHOTO_SHARE = 0.4  # share of photographs among the tiles, if there are any


def make_sheet(generator: torch.Generator, side: int, photos: Sequence[Tensor] = ()) -> Tensor:
    """Textures (1, 3, side * TILE, side * TILE) in 0..1, a grid of tiles without gaps.

    photos: each (3, H, W) uint8, both sides at least TILE; if there are any, PHOTO_SHARE of the
    tiles are crops of them. A scene may sample across the seam of two tiles.
    """
    rows = []
    for _ in range(side):
        row = [_draw_tile(generator, photos) for _ in range(side)]
        rows.append(torch.cat(row, 2))
    return torch.cat(rows, 1)[None]


def make_shapes(generator: torch.Generator, count: int, *, captions: bool = False) -> Tensor:
    """Signed distances (count, 1, SHAPE, SHAPE) to outlines in -1..1 squared, positive inside.

    The unit is half a side. All shapes end before the border, so a repeated border is outside.
    captions: only lettering.
    """
    axis = (torch.arange(SHAPE) + 0.5) / SHAPE * 2 - 1
    grid = torch.stack((axis.expand(SHAPE, SHAPE), axis[:, None].expand(SHAPE, SHAPE)))
    room = 0.92 - grid.abs().amax(0)
    shapes = []
    for _ in range(count):
        draw = _lettering if captions else pick(generator, _SHAPES)
        shapes.append(torch.minimum(draw(generator, grid), room))
    return torch.stack(shapes)[:, None]


def pick[T](generator: torch.Generator, choices: Sequence[T]) -> T:
    """Any of them."""
    return choices[integer(generator, 0, len(choices))]


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """low to high - 1."""
    return int(torch.randint(low, high, (), generator=generator))


def between(generator: torch.Generator, low: float, high: float) -> float:
    """A number from low to high, each as likely."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def by_ratio(generator: torch.Generator, low: float, high: float) -> float:
    """A number from low to high, above 0; each doubling as likely."""
    return math.exp(between(generator, math.log(low), math.log(high)))


def _draw_tile(generator: torch.Generator, photos: Sequence[Tensor]) -> Tensor:
    """(3, TILE, TILE) in 0..1."""
    if photos and between(generator, 0, 1) < PHOTO_SHARE:
        return _photo_crop(generator, pick(generator, photos))
    draw = pick(generator, _TEXTURES)
    # drawn twice as fine and averaged: edges without stairs
    return F.avg_pool2d(draw(generator, 2 * TILE)[None], 2)[0].clamp(0, 1)


def _photo_crop(generator: torch.Generator, photo: Tensor) -> Tensor:
    height, width = photo.shape[1:]
    side = integer(generator, TILE, min(height, width, 2 * TILE) + 1)
    top = integer(generator, 0, height - side + 1)
    left = integer(generator, 0, width - side + 1)
    crop = photo[:, top : top + side, left : left + side].float()[None] / 255
    return F.interpolate(crop, (TILE, TILE), mode="bilinear", antialias=True)[0]


def _colours(generator: torch.Generator, count: int) -> Tensor:
    """(count, 3) in 0..1."""
    return torch.rand((count, 3), generator=generator)


def _noise(generator: torch.Generator, side: int) -> Tensor:
    """Value noise of several octaves; the correlation of its channels varies."""
    falling = between(generator, 0.4, 0.9)
    alike = between(generator, 0, 1)
    total = torch.zeros(3, side, side)
    cells, weight = integer(generator, 3, 8), 1.0
    while cells < side // 2:
        coarse = torch.randn((1, 4, cells, cells), generator=generator)
        octave = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)[0]
        total += weight * (alike * octave[3:] + (1 - alike) * octave[:3])
        cells, weight = 2 * cells, weight * falling
    return 0.5 + 0.22 * total / total.std()


def _waves(generator: torch.Generator, side: int) -> Tensor:
    """Stripes or a checker pattern of two colours, with hard or soft edges."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    hardness = between(generator, 0.6, 12)
    turn = between(generator, 0, math.pi)
    waves = []
    for angle in (turn, turn + math.pi / 2):
        period = between(generator, 10, 90)
        along = x * math.cos(angle) + y * math.sin(angle)
        waves.append((torch.sin(along * (2 * math.pi / period)) * hardness).clamp(-1, 1))
    wave = waves[0] * waves[1] if between(generator, 0, 1) < 0.5 else waves[0]
    colours = _colours(generator, 2)[:, :, None, None]
    return torch.lerp(colours[0], colours[1], wave / 2 + 0.5)


def _patches(generator: torch.Generator, side: int) -> Tensor:
    """Voronoi cells of flat colours, some with dark lines between: cel animation."""
    count = integer(generator, 5, 30)
    sites = torch.rand((count, 2), generator=generator) * side
    axis = torch.arange(side, dtype=torch.float32)
    stretch = between(generator, 0.5, 2)
    far = (axis[None, None, :] - sites[:, 0, None, None]).square() * stretch + (
        axis[None, :, None] - sites[:, 1, None, None]
    ).square()
    nearest, index = far.sqrt().topk(2, 0, largest=False)
    picture = _colours(generator, count)[index[0]].permute(2, 0, 1)
    if between(generator, 0, 1) < 0.6:
        width = between(generator, 2, 7)
        line = (nearest[1] - nearest[0] < width).float()
        picture = picture * (1 - line * between(generator, 0.6, 1))
    return picture


def _lattice(generator: torch.Generator, side: int) -> Tensor:
    """Thin, evenly spaced lines in one or two directions: fences, blinds, grids."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    turn = between(generator, 0, math.pi)
    crossed = between(generator, 0, 1) < 0.5
    line = torch.zeros(side, side)
    for angle in (turn, turn + math.pi / 2) if crossed else (turn,):
        period = between(generator, 12, 70)
        along = (x * math.cos(angle) + y * math.sin(angle)) % period
        line = torch.maximum(line, (along < between(generator, 2, 6)).float())
    colours = _colours(generator, 2)[:, :, None, None]
    return torch.lerp(colours[0], colours[1], line)


def _writing(generator: torch.Generator, side: int) -> Tensor:
    """Rows of short strokes on a plain or shaded background, like text or line art."""
    size = between(generator, 14, 48)
    colours = _colours(generator, 2)[:, :, None, None]
    axis = torch.arange(side, dtype=torch.float32)
    ink_map = torch.zeros(side, side)
    width = between(generator, 0.06, 0.16) * size
    for top in range(int(size / 2), side, int(size * 1.7)):
        for left in range(int(size / 2), side, int(size * 1.1)):
            _write_glyph(generator, ink_map, axis, (left, top), size, width)
    shade = 1 - 0.3 * between(generator, 0, 1) * axis / side
    return torch.lerp(colours[0], colours[1], ink_map) * shade


def _write_glyph(
    generator: torch.Generator,
    ink_map: Tensor,
    axis: Tensor,
    at: tuple[int, int],
    size: float,
    width: float,
) -> None:
    """Three strokes within `size` of `at` (x, y), drawn into `ink_map` in place."""
    half = size / 2 + width
    x0, y0 = max(0, int(at[0] - half)), max(0, int(at[1] - half))
    x1, y1 = int(at[0] + half) + 1, int(at[1] + half) + 1
    xs, ys = axis[x0:x1], axis[y0:y1]
    grid = torch.stack((xs.expand(len(ys), len(xs)), ys[:, None].expand(len(ys), len(xs))))
    grid = (grid - torch.tensor(at)[:, None, None]) / (size / 2)
    # ends on a 3x3 lattice: letters have few directions
    ends = torch.randint(-1, 2, (3, 4), generator=generator).float() * 0.85
    for stroke in ends:
        inside = _capsule(grid, stroke, 2 * width / size) > 0
        ink_map[y0:y1, x0:x1] = torch.maximum(ink_map[y0:y1, x0:x1], inside.float())


def _capsule(grid: Tensor, ends: Tensor, width: float) -> Tensor:
    """Signed distance, positive inside, to a stroke from ends[:2] to ends[2:], `width` thick."""
    start, along = ends[:2, None, None], (ends[2:] - ends[:2])[:, None, None]
    place = ((grid - start) * along).sum(0) / along.square().sum().clamp(min=1e-6)
    away: Tensor = (grid - start - along * place.clamp(0, 1)).norm(dim=0)
    return width / 2 - away


def _turned(generator: torch.Generator, grid: Tensor) -> Tensor:
    angle = between(generator, 0, 2 * math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack((cos * grid[0] + sin * grid[1], cos * grid[1] - sin * grid[0]))


def _ellipse(generator: torch.Generator, grid: Tensor) -> Tensor:
    p = _turned(generator, grid)
    radii = torch.tensor([between(generator, 0.3, 0.9), between(generator, 0.2, 0.9)])
    one: Tensor = (p / radii[:, None, None]).norm(dim=0)
    two = (p / radii.square()[:, None, None]).norm(dim=0)
    distance: Tensor = one * (1 - one) / two.clamp(min=1e-6)
    return distance


def _polygon(generator: torch.Generator, grid: Tensor) -> Tensor:
    """A convex polygon with 3 to 7 sides; rectangles are common."""
    p = _turned(generator, grid)
    if between(generator, 0, 1) < 0.4:
        radii = torch.tensor([between(generator, 0.2, 0.8), between(generator, 0.1, 0.7)])
        return (radii[:, None, None] - p.abs()).amin(0)
    sides = integer(generator, 3, 8)
    away = 0.35 + 0.4 * torch.rand(sides, generator=generator)
    angles = (torch.arange(sides) + 0.5 * torch.rand(sides, generator=generator)) / sides
    normals = torch.stack((torch.cos(angles * 2 * math.pi), torch.sin(angles * 2 * math.pi)), 1)
    return (away[:, None, None] - torch.einsum("kc,chw->khw", normals, p)).amin(0)


def _blob(generator: torch.Generator, grid: Tensor) -> Tensor:
    """The smooth union of several circles."""
    count = integer(generator, 3, 7)
    centres = (torch.rand((count, 2, 1, 1), generator=generator) - 0.5) * 1.1
    radii = 0.12 + 0.3 * torch.rand((count, 1, 1), generator=generator)
    circles = radii - (grid - centres).norm(dim=1)
    return torch.logsumexp(circles * 14, 0) / 14


def _bars(generator: torch.Generator, grid: Tensor) -> Tensor:
    """Up to eight strokes: wires, limbs, letters."""
    ends = (torch.rand((integer(generator, 1, 9), 4), generator=generator) - 0.5) * 1.6
    width = between(generator, 0.03, 0.16)
    return torch.stack([_capsule(grid, e, width) for e in ends]).amax(0)


def _lettering(generator: torch.Generator, grid: Tensor) -> Tensor:
    """One to three rows of letters of a few strokes each: captions, logos."""
    rows, columns = integer(generator, 1, 4), integer(generator, 3, 8)
    size, thickness = 0.7 / columns, between(generator, 0.2, 0.5)
    strokes = []
    for row in range(rows):
        for column in range(columns):
            middle = torch.tensor([column - (columns - 1) / 2, 1.4 * (row - (rows - 1) / 2)])
            ends = torch.randint(-1, 2, (3, 2, 2), generator=generator).float() * 0.8 * size
            ends = ends + middle * 2.2 * size
            strokes += [_capsule(grid, e.flatten(), thickness * size) for e in ends]
    return torch.stack(strokes).amax(0)


def _ring(generator: torch.Generator, grid: Tensor) -> Tensor:
    whole = pick(generator, (_ellipse, _polygon, _blob))(generator, grid * 1.15)
    return between(generator, 0.03, 0.12) - (whole - 0.1).abs()


def _pierced(generator: torch.Generator, grid: Tensor) -> Tensor:
    """The difference of two shapes."""
    outer, inner = (pick(generator, (_ellipse, _polygon, _blob)) for _ in range(2))
    return torch.minimum(outer(generator, grid), -inner(generator, grid * 1.6))


type _Draw = Callable[[torch.Generator, Tensor], Tensor]
_TEXTURES: tuple[Callable[[torch.Generator, int], Tensor], ...] = (
    _noise,
    _noise,
    _waves,
    _patches,
    _patches,
    _lattice,
    _writing,
)
_SHAPES: tuple[_Draw, ...] = (
    _ellipse,
    _polygon,
    _polygon,
    _blob,
    _blob,
    _bars,
    _lettering,
    _ring,
    _pierced,
)
