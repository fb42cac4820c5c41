"""Pictures whose motion is known: drawn ground and photographs to pan over, a fence, still text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vsrife.media.stills.pictures import read_photo

Picture = npt.NDArray[np.float32]  # (H, W, 3) RGB in 0..1

FENCE_PERIOD, FENCE_BAR = 36, 12  # pixels
_GLYPHS = {  # five dots by seven, a row of bits each
    "R": (30, 17, 17, 30, 20, 18, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "E": (31, 16, 16, 30, 16, 16, 31),
}
_DOT = 6  # pixels: the width of a letter's strokes
_PAINT = np.float32(0.95)


def dead_leaves(width: int, height: int, seed: int) -> Picture:
    """Discs that hide one another, radii by a power law, under fine grain: edges and detail of all
    sizes, as in photographs (Lee, Mumford and Huang, "Occlusion models for natural images", 2001).
    """
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 0.5, np.float32)
    count = width * height // 120
    # radii r with a density of r^-3 between 3 and 120 pixels, large ones first, below the others
    radii = np.sort((random.random(count) * (1 / 9 - 1 / 14400) + 1 / 14400) ** -0.5)[::-1]
    places = random.uniform((0, 0), (width, height), (count, 2))
    colours = random.uniform(0.05, 0.95, (count, 3)).astype(np.float32)
    for radius, (x, y), colour in zip(radii, places, colours, strict=True):
        left, top = max(0, int(x - radius)), max(0, int(y - radius))
        box = picture[top : int(y + radius) + 2, left : int(x + radius) + 2]
        rows, columns = np.ogrid[top : top + box.shape[0], left : left + box.shape[1]]
        distance = np.hypot(columns - x, rows - y)
        inside = (radius - distance + 0.5).clip(0, 1)[..., None].astype(np.float32)
        box += inside * (colour - box)
    grain = random.normal(0, 0.015, (height, width, 1)).astype(np.float32)
    return (picture + grain).clip(0, 1)


def photograph(path: Path, width: int, height: int) -> Picture:
    """A picture file, or the first frame of a clip, scaled until it covers width x height.

    MediaError if it cannot be read.
    """
    from PIL import Image

    photo = Image.fromarray(read_photo(path))
    grow = max(width / photo.width, height / photo.height)
    size = max(width, round(photo.width * grow)), max(height, round(photo.height * grow))
    scaled = photo.resize(size, Image.Resampling.LANCZOS)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    cut = scaled.crop((left, top, left + width, top + height))
    return np.asarray(cut, np.float32) / np.float32(255)


def fence(ground: Picture, offset: float, *, lying: bool = False) -> Picture:
    """Dark bars over `ground`, `offset` pixels to the right of where they begin; lying: down."""
    along = np.arange(ground.shape[0 if lying else 1], dtype=np.float64)
    place = (along - offset) % FENCE_PERIOD
    # how much of each pixel a bar covers: edges between pixels are exact
    rising = np.minimum(place + 1, FENCE_PERIOD) - place
    bar = (np.minimum(place + 1, FENCE_BAR) - np.minimum(place, FENCE_BAR)) + (1 - rising)
    covered = bar.astype(np.float32)[:, None, None] if lying else bar.astype(np.float32)[:, None]
    return ground + covered * (np.float32(0.08) - ground)


def text_mask(height: int, width: int) -> npt.NDArray[np.bool_]:
    """Where the letters RIFE are, in the middle."""
    rows = [
        [bool(_GLYPHS[letter][row] >> (4 - bit) & 1) for letter in "RIFE" for bit in range(-1, 5)]
        for row in range(7)
    ]
    letters = np.kron(np.array(rows), np.ones((_DOT, _DOT), bool))
    mask = np.zeros((height, width), bool)
    top, left = (height - letters.shape[0]) // 2, (width - letters.shape[1]) // 2
    mask[top : top + letters.shape[0], left : left + letters.shape[1]] = letters
    return mask


def with_text(ground: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    return np.where(mask[..., None], _PAINT, ground)
