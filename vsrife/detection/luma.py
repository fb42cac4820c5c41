"""Luma of pictures, at full size and small, as VapourSynth's resizer gives it.

A picture is an array (C, H, W), or a tensor of PyTorch's, which stays on its device.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Pixels = Any  # a float32 array, or a tensor

BLACK, STEPS = 16, 219  # of 8 bits, limited range
_RED, _BLUE = 0.2126, 0.0722  # BT.709
THUMBNAIL = 64  # width and height, pixels: grain and small motion vanish
BLOCK = 8  # pixels; grain of one step is 1/8 of a step in the mean of a block


def codes(picture: Pixels) -> Pixels:
    """Luma (H, W), whole numbers 16..235: BT.709, limited range, 8 bits.

    picture (3, H, W) RGB or (1, H, W) grey, 0..1.
    """
    grey = picture[0]
    if picture.shape[0] > 1:
        grey = _RED * grey + (1 - _RED - _BLUE) * picture[1] + _BLUE * picture[2]
    return (grey * STEPS + BLACK).round()


def thumbnail(luma: Pixels) -> NDArray[np.float32]:
    """`codes` as a thumbnail (4096,) of 64x64 pixels, 0..1 of 8 bits."""
    small = resized(luma, THUMBNAIL, THUMBNAIL).round().reshape(-1) / np.float32(255)
    found: NDArray[np.float32] = small if isinstance(small, np.ndarray) else small.cpu().numpy()
    return found


def blocks(luma: Pixels) -> Pixels:
    """Means of blocks of about 8x8 pixels of `codes`, (H / 8, W / 8), 0..1 of limited range."""
    height, width = (max(1, round(side / BLOCK)) for side in luma.shape)
    return (resized(luma, width, height) - BLACK) * np.float32(1 / STEPS)


def resized(plane: Pixels, width: int, height: int) -> Pixels:
    """A plane (H, W) at another size, bilinear, with a window as wide as a new pixel at least."""
    rows, columns = _weights(plane.shape[0], height), _weights(plane.shape[1], width)
    if not isinstance(plane, np.ndarray):
        rows, columns = plane.new_tensor(rows), plane.new_tensor(columns)
    return rows @ (plane @ columns.T)


@functools.lru_cache(maxsize=16)
def _weights(length: int, wanted: int) -> NDArray[np.float32]:
    """(wanted, length): how much each sample counts in each new one. Edges are mirrored.

    The window is a triangle, of half a width of one sample, or of one new sample if that is more.
    """
    step = length / wanted
    half = max(step, 1.0)
    centres = (np.arange(wanted) + 0.5) * step - 0.5
    found = np.zeros((wanted, length))
    for row, centre in enumerate(centres):
        samples = np.arange(int(np.floor(centre - half)), int(np.ceil(centre + half)) + 1)
        shares = np.maximum(1 - np.abs(samples - centre) / half, 0)
        folded = samples % (2 * length)  # mirrored at both edges, as often as needed
        np.add.at(found[row], np.minimum(folded, 2 * length - 1 - folded), shares)
    found /= found.sum(1, keepdims=True)
    return found.astype(np.float32)
