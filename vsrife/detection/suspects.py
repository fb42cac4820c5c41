"""Where something stands still over a ground that moves: boxes for `overlay.estimate`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vsrife.detection.ground import Image, Shift
from vsrife.detection.overlay import Box, Mask

_DIFFERS = np.float32(3 / 255)  # least mean difference from the ground
_LASTS = 4.0  # times its own uncertainty that the difference must have
_STEP = np.float32(0.5 / 255)  # rounding to 8 bits
_SEEN, _OFTEN = 3, 5  # frames that must show a piece of ground, and a pixel's
_TILE = 8  # pixels; suspects in the same or in neighbouring tiles belong together
_FEW, _MANY = 2, 12  # suspects of a tile, and of a box, at least
_MARGIN = 4  # pixels around suspects that may belong to them
_MOST_BOXES, _LARGEST = 4, 0.2  # at most so many, each of at most this share of the picture


def suspects(images: Sequence[Image], places: Sequence[Shift]) -> Mask:
    """Pixels that keep the same difference from the ground that passes under them, in one colour
    at least: an orange logo may be as bright as what it covers.

    images: (H, W, C), 0..1, consecutive frames; places: of the ground in each of them, pixels.
    """
    colours = range(images[0].shape[2])
    found = [_in_colour([image[..., k] for image in images], places) for k in colours]
    either: Mask = np.logical_or.reduce(found)
    return either


def _in_colour(values: Sequence[Image], places: Sequence[Shift]) -> Mask:
    height, width = values[0].shape
    whole = [(round(place.x), round(place.y)) for place in places]
    left, top = (max(side) for side in zip(*whole, strict=True))
    right, bottom = (-min(side) for side in zip(*whole, strict=True))
    size = (len(values), height + top + bottom, width + left + right)
    shown = np.full(size, np.nan, np.float32)
    corners = [np.s_[top - y : top - y + height, left - x : left - x + width] for x, y in whole]
    for layer, value, corner in zip(shown, values, corners, strict=True):
        layer[corner] = value
    ground = _medians(shown)
    off = np.stack([value - ground[at] for value, at in zip(values, corners, strict=True)])
    known = ~np.isnan(off)
    count = known.sum(0)
    mean = np.where(known, off, 0).sum(0) / np.maximum(count, 1)
    spread = np.where(known, np.square(off - mean), 0).sum(0) / np.maximum(count - 1, 1)
    doubt = np.sqrt(spread / np.maximum(count, 1) + np.square(_STEP))
    lasts: Mask = (np.abs(mean) > _DIFFERS) & (np.abs(mean) > _LASTS * doubt)
    return lasts & (count >= _OFTEN)


def _medians(shown: Image) -> Image:
    """Of the first axis, without NaN; NaN where fewer than `_SEEN` are numbers. As np.nanmedian,
    which takes ten times as long."""
    count = (~np.isnan(shown)).sum(0)
    ordered = np.sort(shown, 0)  # NaN last
    low, high = (
        np.take_along_axis(ordered, np.clip(at, 0, len(shown) - 1)[None], 0)[0]
        for at in ((count - 1) // 2, count // 2)
    )
    return np.where(count >= _SEEN, (low + high) / np.float32(2), np.float32(np.nan))


def boxes(found: Mask) -> list[Box]:
    """Boxes around suspects that belong together, the largest groups first."""
    height, width = found.shape
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    padded = np.zeros((rows * _TILE, columns * _TILE), bool)
    padded[:height, :width] = found
    counts = padded.reshape(rows, _TILE, columns, _TILE).sum((1, 3))
    groups = sorted(_groups(counts >= _FEW), key=lambda tiles: -sum(counts[at] for at in tiles))
    kept = []
    for tiles in groups[:_MOST_BOXES]:
        if sum(counts[at] for at in tiles) < _MANY:
            break
        box = _around(tiles, height, width)
        if box.width * box.height <= _LARGEST * width * height:
            kept.append(box)
    return kept


def _groups(tiles: Mask) -> list[list[tuple[int, int]]]:
    """Tiles that are true, in groups that are at most one tile apart."""
    left = {(int(y), int(x)) for y, x in np.argwhere(tiles)}
    groups = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        group = [start]
        for y, x in group:  # grows meanwhile
            near = [(y + dy, x + dx) for dy in range(-2, 3) for dx in range(-2, 3)]
            new = [at for at in near if at in left]
            left.difference_update(new)
            group += new
        groups.append(group)
    return groups


def _around(tiles: list[tuple[int, int]], height: int, width: int) -> Box:
    ys, xs = zip(*tiles, strict=True)
    left, top = max(0, min(xs) * _TILE - _MARGIN), max(0, min(ys) * _TILE - _MARGIN)
    right = min(width, (max(xs) + 1) * _TILE + _MARGIN)
    bottom = min(height, (max(ys) + 1) * _TILE + _MARGIN)
    return Box(left, top, right - left, bottom - top)
