"""Generated moving scenes with their true flow: a background and up to four layers over it.

Each layer has its own texture, shape and motion; the camera moves most of them together. A layer
moves by an affine map for each time 0..1, so flow and occlusion are known exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.errors import ArgumentError
from vsrife.training.material.motion import Motion, compose, draw_motion, invert
from vsrife.training.material.textures import TILE, between, make_shapes, make_sheet

LAYERS = 5  # including the background
_FLAT = (0.08, 0.25), (0.3, 0.65)  # flat share of backgrounds and layers: in general, in drawings
DRAWN = 0.35  # share of scenes that are cel drawings: most layers flat, with sharp outlines
# Share of scenes at timestep 0.5, by far the most common one. At 0.5, networks placed objects at
# timestep 0.25 a sixth too near to the middle
MIDDLE = 0.35
CAPTIONED = 0.4  # share of scenes with static lettering on top: at 0.15 letters came out blurred
BLURRED = 0.2  # share of scenes with motion blur
SHUTTER = (0.15, 0.7)  # range of the exposure time, in units of the time from img0 to img1
SUBFRAMES = 5  # a blurred image is the mean of this many
PALE = 0.15  # share of scenes with low contrast: fog, night, white on white
CLEAN = 0.03  # largest share of another layer in a pixel whose flow counts as known


@dataclass(frozen=True)
class Batch:
    """Pairs of images with the true image and flow between them.

    img0, img1, truth (N, 3, H, W) in 0..1, truth at timestep (N, 1, 1, 1). flow (N, 4, H, W) from
    truth into img0 (channels 0-1) and img1 (2-3), pixels, x before y. visible (N, 2, H, W): 1 where
    the point is visible in img0, in img1, else 0; where flow is unknown, 0 in both.
    """

    img0: Tensor
    img1: Tensor
    truth: Tensor
    timestep: Tensor
    flow: Tensor
    visible: Tensor


def joined(parts: Iterable[Sequence[Tensor]]) -> Batch:
    """One batch of several, or of single pictures, each as its fields in order."""
    return Batch(*(torch.cat(values) for values in zip(*parts, strict=True)))


def draw_timestep(generator: torch.Generator) -> float:
    """0.5 for a share MIDDLE of the scenes, 0.05 to 0.95 for the others."""
    return 0.5 if between(generator, 0, 1) < MIDDLE else between(generator, 0.05, 0.95)


@dataclass(frozen=True)
class _Look:
    """The look of layers (N, L); colours in 0..1."""

    shape: Tensor  # (N, L) index
    tint: Tensor  # (N, L, 3, 3) maps the texture's colours, around 0.5, to the layer's
    ground: Tensor  # (N, L, 3) mean colour
    softness: Tensor  # (N, L) width of the edge in pixels; 1: sharp
    outline: Tensor  # (N, L) width of a line inside the edge in pixels; 0: none
    ink: Tensor  # (N, L, 3) colour of that line
    opacity: Tensor  # (3, N, L) at times 0, t, 1

    def of(self, scenes: Tensor) -> _Look:
        """The looks of the scenes with these indices."""
        index = scenes.to(self.shape.device)
        fields = {key: value[index] for key, value in vars(self).items() if key != "opacity"}
        return _Look(**fields, opacity=self.opacity[:, index])


class Scenes:
    """Draws batches of scenes; `draw` depends only on `seed`, `photos` and its generator.

    seed: of the textures and shapes of all scenes. photos: each (3, H, W) uint8, both sides at
    least 192; some textures are crops of them. tiles: textures on each side of the sheet. shapes:
    number of shapes.
    """

    def __init__(
        self,
        seed: int,
        photos: Sequence[Tensor] = (),
        device: torch.device | str = "cpu",
        tiles: int = 16,
        shapes: int = 256,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.device = torch.device(device)
        self.sheet = make_sheet(generator, tiles, photos).to(self.device)
        ordinary = make_shapes(generator, shapes)
        captions = make_shapes(generator, max(1, shapes // 8), captions=True)
        self.shapes = torch.cat((ordinary, captions)).to(self.device)
        self.captions = range(len(ordinary), len(self.shapes))

    def draw(
        self,
        generator: torch.Generator,
        count: int,
        size: int,
        *,
        plain: bool = False,
        speed_factor: float = 1.0,
        timestep: float | None = None,
    ) -> Batch:
        """`count` scenes of size x size pixels.

        plain: without blur, fades, grain and translucent layers. speed_factor: of all motion.
        timestep: of all scenes; None: 0.5 for some, 0.05 to 0.95 for the others. ArgumentError for
        count < 1 or size < 16.
        """
        if count < 1 or size < 16:
            raise ArgumentError(
                f"count must be at least 1 and size at least 16, not {count} and {size}"
            )
        t = 0.05 + 0.9 * torch.rand(count, generator=generator)
        t = torch.where(torch.rand(count, generator=generator) < MIDDLE, 0.5, t)
        if timestep is not None:
            t.fill_(timestep)
        tiles = self.sheet.shape[-1] / TILE
        captioned = torch.rand(count, generator=generator) < CAPTIONED
        times = torch.stack((torch.zeros_like(t), t, torch.ones_like(t)))
        shutter = torch.zeros(count) if plain else _draw_shutters(generator, count)
        open_for = torch.linspace(-0.5, 0.5, SUBFRAMES)[:, None] * shutter
        moments = (times[:, None] + open_for).flatten(0, 1)
        motions = draw_motion(
            generator, count, LAYERS, size, moments, tiles, speed_factor, captioned
        )
        look = self._draw_look(generator, count, t, plain, captioned)
        middle = SUBFRAMES // 2
        motion = motions.at(middle, SUBFRAMES)
        frames, top = self._render(motion, look, size)
        blurred = shutter.nonzero()[:, 0]
        if len(blurred):
            here = blurred.to(self.device)
            subframes = [
                frames[:, here]
                if i == middle
                else self._render(motions.at(i, SUBFRAMES, blurred), look.of(blurred), size)[0]
                for i in range(SUBFRAMES)
            ]
            frames[:, here] = torch.stack(subframes).mean(0)
        if not plain:
            frames = _fade_and_grain(generator, frames, t)
        flow, visible = _trace(motion.place.to(self.device), top)
        img0, truth, img1 = frames.clamp(0, 1)
        return Batch(img0, img1, truth, t.view(-1, 1, 1, 1).to(self.device), flow, visible)

    def _draw_look(
        self, generator: torch.Generator, count: int, t: Tensor, plain: bool, captioned: Tensor
    ) -> _Look:
        def rand(*shape: int) -> Tensor:
            return torch.rand((count, LAYERS, *shape), generator=generator)

        drawn = torch.rand((count, 1), generator=generator) < DRAWN
        lined = torch.where(drawn, 0.65, 0.3)
        shape = torch.randint(0, self.captions.start, (count, LAYERS), generator=generator)
        words = torch.randint(
            self.captions.start, self.captions.stop, (count,), generator=generator
        )
        shape[:, -1] = torch.where(captioned, words, shape[:, -1])
        opacity = _draw_opacities(generator, count, t, plain)
        opacity[:, :, -1] = torch.where(captioned, 1.0, opacity[:, :, -1])
        look = _Look(
            shape=shape,
            tint=_draw_tints(generator, drawn),
            ground=0.5 + 0.45 * (2 * rand(3) - 1),
            softness=torch.where((rand() < 0.15) & ~drawn, 1 + 6 * rand(), 1.0),
            outline=torch.where(rand() < lined, 1 + 2.5 * rand(), 0.0),
            ink=0.25 * rand(3),
            opacity=opacity,
        )
        return _Look(*(value.to(self.device) for value in vars(look).values()))

    def _render(self, motion: Motion, look: _Look, size: int) -> tuple[Tensor, Tensor]:
        """Frames (3, N, 3, H, W) at times 0, t, 1; top layer (3, N, 1, H, W), -1 if ambiguous."""
        n = len(look.shape)
        colour = self._textured(motion, look, size)
        away = self._distances(motion, look, size)
        canvas = colour[:, :, 0]
        top = torch.zeros_like(canvas[:, :, :1])
        ambiguous = torch.zeros_like(top, dtype=torch.bool)
        for k in range(1, LAYERS):
            opacity = look.opacity[:, :, k, None, None, None]
            inside = away[:, :, k - 1]
            edge = (inside / look.softness[:, k].view(n, 1, 1, 1) + 0.5).clamp(0, 1)
            line = look.outline[:, k].view(n, 1, 1, 1)
            filled = torch.where(line > 0, (inside - line + 0.5).clamp(0, 1), 1.0)
            ink = look.ink[:, k].view(n, 3, 1, 1)
            alpha = edge * opacity
            canvas = torch.lerp(canvas, torch.lerp(ink, colour[:, :, k], filled), alpha)
            top = torch.where(alpha > 0.5, float(k), top)
            ambiguous = torch.where(alpha > 1 - CLEAN, False, ambiguous)
            ambiguous |= (opacity < 1) & (alpha > CLEAN)
        return canvas, torch.where(ambiguous, -1.0, top)

    def _textured(self, motion: Motion, look: _Look, size: int) -> Tensor:
        """Each layer's colours at every pixel, (3, N, L, 3, H, W)."""
        n = len(look.shape)
        where = _grid(motion.texture.to(self.device), size)
        texels = F.grid_sample(
            self.sheet,
            where.view(1, -1, size, 2),
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )
        texels = texels.view(3, 3 * n * LAYERS, -1).transpose(0, 1)
        ground = look.ground.view(-1, 3, 1) - 0.5 * look.tint.view(-1, 3, 3).sum(2, keepdim=True)
        tint = look.tint.view(-1, 3, 3)
        mixed = torch.baddbmm(ground.repeat(3, 1, 1), tint.repeat(3, 1, 1), texels)
        return mixed.view(3, n, LAYERS, 3, size, size)

    def _distances(self, motion: Motion, look: _Look, size: int) -> Tensor:
        """Distance to each layer's edge, positive inside, (3, N, L - 1, 1, H, W), pixels.

        Without the background.
        """
        n, layers = len(look.shape), LAYERS - 1
        where = _grid(motion.shape[:, :, 1:].to(self.device), size)
        shapes = self.shapes[look.shape[:, 1:].flatten()]
        where = where.view(3, n * layers, size, size, 2).transpose(0, 1)
        where = where.reshape(n * layers, 3 * size, size, 2)
        read = F.grid_sample(
            shapes, where, mode="bilinear", padding_mode="border", align_corners=False
        )
        read = read.view(n, layers, 3, size, size).permute(2, 0, 1, 3, 4)
        return (read * motion.radius[:, :, 1:, None, None].to(self.device))[:, :, :, None]


def _draw_shutters(generator: torch.Generator, count: int) -> Tensor:
    """Exposure time of each scene, (count,), from img0 to img1 = 1; 0 in most."""
    least, most = SHUTTER
    open_for = least + (most - least) * torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < BLURRED, open_for, 0.0)


def _draw_tints(generator: torch.Generator, drawn: Tensor) -> Tensor:
    """`_Look.tint`: some layers are flat, some keep their texture's colours, some mix them.

    drawn (N, 1): whether a scene is a drawing; its layers are flat more often.
    """
    shape = (len(drawn), LAYERS)
    rare, common = (torch.tensor([first] + [rest] * (LAYERS - 1)) for first, rest in _FLAT)
    flat = torch.rand(shape, generator=generator) < torch.where(drawn, common, rare)
    contrast = 0.3 + 0.8 * torch.rand(shape, generator=generator)
    mixed = 0.35 * torch.randn((*shape, 3, 3), generator=generator)
    orders = torch.stack([torch.eye(3)[torch.randperm(3, generator=generator)] for _ in range(3)])
    kept = orders[torch.randint(0, 3, shape, generator=generator)]
    share = (2 * torch.rand((*shape, 1, 1), generator=generator)).clamp(max=1)
    return torch.lerp(mixed, kept, share) * torch.where(flat, 0.0, contrast)[..., None, None]


def _draw_opacities(generator: torch.Generator, count: int, t: Tensor, plain: bool) -> Tensor:
    """`_Look.opacity`: layers are missing or solid; not `plain`: some are translucent or fade."""
    missing = torch.tensor([0.0, *torch.linspace(0.3, 0.7, LAYERS - 1).tolist()])
    solid = (torch.rand((count, LAYERS), generator=generator) >= missing).float()
    if plain:
        return solid.repeat(3, 1, 1)
    ends = (1.2 * torch.rand((2, count, LAYERS), generator=generator)).clamp(max=1)
    fading = torch.stack((ends[0], torch.lerp(ends[0], ends[1], t[:, None]), ends[1]))
    clear = torch.rand((count, LAYERS), generator=generator) < 0.04
    return solid * torch.where(clear & (torch.arange(LAYERS) > 0), fading, 1.0)


def points(image: Tensor) -> Tensor:
    """Coordinates of the pixels of `image` (N, C, H, W): (1, 2, H, W), x before y."""
    y, x = (torch.arange(side, device=image.device).float() for side in image.shape[2:])
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]


def within(place: Tensor, size: int, axis: int) -> Tensor:
    """Whether places, x and y along `axis`, lie in a picture of size x size pixels."""
    return ((place >= 0) & (place <= size - 1)).all(axis)


def _grid(maps: Tensor, size: int) -> Tensor:
    """Pixel coordinates of a picture, mapped by maps (..., 2, 3): (maps, H, W, 2), x before y."""
    axis = torch.arange(size, device=maps.device, dtype=maps.dtype)[:, None]
    columns, rows, offsets = maps.reshape(-1, 1, 2, 3).unbind(-1)
    return (columns * axis)[:, None] + (rows * axis + offsets)[:, :, None]


def _trace(place: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
    """Flow and visibility, see `Batch`, of the top layer at t.

    place (3, N, L, 2, 3): from layer to picture at times 0, t, 1; top: from `_render`.
    """
    n, size = top.shape[1], top.shape[-1]
    grid = points(top[0])
    layer = top[1].clamp(min=0).long().view(n, -1)
    back = invert(place[1])
    flows, visible = [], []
    for time in (0, 2):
        target_map = compose(place[time], back)
        maps = target_map.flatten(2).gather(1, layer[..., None].expand(-1, -1, 6))
        maps = maps.view(n, size, size, 2, 3)
        x, y = grid[0, 0, ..., None], grid[0, 1, ..., None]
        point = maps[..., 0] * x + maps[..., 1] * y + maps[..., 2]
        scaled = (point + 0.5) * (2 / size) - 1
        found = F.grid_sample(top[time], scaled, mode="nearest", align_corners=False)
        inside = within(point, size, -1)[:, None]
        visible.append((found == top[1]) & inside & (top[1] >= 0))
        flows.append(point.permute(0, 3, 1, 2) - grid)
    return torch.cat(flows, 1), torch.cat(visible, 1).float()


def _fade_and_grain(generator: torch.Generator, frames: Tensor, t: Tensor) -> Tensor:
    """Low contrast in some scenes, a linear fade in some, grain in img0 and img1 of some.

    The truth never has grain.
    """
    count, device = len(t), frames.device
    pale = torch.rand(count, generator=generator) < PALE
    contrast = torch.where(pale, 0.1 + 0.5 * torch.rand(count, generator=generator), 1.0)
    middle = frames.mean((0, 2, 3, 4)).view(-1, 1, 1, 1)
    frames = torch.lerp(middle, frames, contrast.view(-1, 1, 1, 1).to(device))
    fading = torch.rand(count, generator=generator) < 0.08
    gains = 1 + fading * (torch.rand((2, count), generator=generator) - 0.6)
    gain = torch.stack((gains[0], torch.lerp(gains[0], gains[1], t), gains[1]))
    frames = frames * gain[..., None, None, None].to(device)
    grainy = torch.rand(count, generator=generator) < 0.3
    level = 0.02 * torch.rand(count, generator=generator) * grainy
    if grainy.any():
        noise = torch.randn((2, *frames.shape[1:]), generator=generator)
        noise = (noise * level.view(-1, 1, 1, 1)).to(device)
        frames = frames + torch.stack((noise[0], torch.zeros_like(noise[0]), noise[1]))
    return frames
