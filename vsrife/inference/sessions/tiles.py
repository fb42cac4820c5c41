"""A new frame in tiles that overlap, each made by a network for the tiles' size.

For frames that are too large for a device. What moves further than the overlap within a pair is
seen by one tile alone, so a tiled frame may be a little worse than a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vsrife.inference import arrays
from vsrife.inference.arrays import Array
from vsrife.inference.base import Planes, Rhythm, Session
from vsrife.inference.sessions import regions
from vsrife.inference.sessions.regions import CELL, Region

_LEAST = 192  # pixels; sides of tiles that are not worth dividing
_MOST = 64  # tiles
_WORTH = 0.8  # side of a tile by that of the one before: more saves next to nothing


class Tiling(NamedTuple):
    """places: left upper corners of the tiles, multiples of `CELL`, row by row; size: width and
    height of all of them; overlap: pixels over which neighbours go over into each other, at most
    what they share."""

    places: tuple[tuple[int, int], ...]
    size: tuple[int, int]
    overlap: int

    def regions(self) -> Iterator[Region]:
        for x, y in self.places:
            yield Region(x, y, *self.size)


def tilings(width: int, height: int, overlap: int) -> list[Tiling]:
    """Divisions of a picture of that size, each into smaller tiles than the one before; none for
    small pictures. overlap: pixels."""
    found: list[Tiling] = []
    size, across, down = (width, height), 1, 1
    while across * down < _MOST:
        longer = int(size[0] < size[1])
        if longer:
            down *= 2
        else:
            across *= 2
        before = size[longer]
        size = _length(width, across, overlap), _length(height, down, overlap)
        if not _LEAST <= size[longer] <= _WORTH * before:
            break
        found.append(_tiling(width, height, across, down, overlap))
    return found


def _tiling(width: int, height: int, across: int, down: int, overlap: int) -> Tiling:
    size = _length(width, across, overlap), _length(height, down, overlap)
    columns, rows = _starts(width, size[0], across), _starts(height, size[1], down)
    return Tiling(tuple((x, y) for y in rows for x in columns), size, overlap)


def _length(side: int, count: int, overlap: int) -> int:
    """Side of each of `count` tiles, pixels."""
    if count == 1:
        return side
    # one cell more, since tiles begin at whole cells
    length = -(-(side + (count - 1) * (overlap + CELL)) // count)
    return min(side, -(-length // CELL) * CELL)


def _starts(side: int, length: int, count: int) -> list[int]:
    """Where tiles begin: at whole cells, so that the last one may end beyond the picture."""
    if count == 1:
        return [0]
    room = side - length
    inner = [room * k // (count - 1) // CELL * CELL for k in range(count - 1)]
    return [*inner, -(-room // CELL) * CELL]


def interpolate(
    session: Session,
    tiling: Tiling,
    left: Planes,
    right: Planes,
    timestep: float,
    into: Planes,
    rhythm: Rhythm | None = None,
) -> float | None:
    """As of `base.Session`, for planes (height, width) of whole pictures, by a session for the
    tiles' size. The confidence is the mean of the tiles'."""
    height, width = left[0].shape
    total = np.zeros((len(into), height, width), np.float32)
    shares = np.zeros((height, width), np.float32)
    sure: list[float | None] = []
    for tile in tiling.regions():
        first, second = (session.prepare(regions.crop(planes, tile)) for planes in (left, right))
        new = [np.empty((tile.height, tile.width), plane.dtype) for plane in into]
        sure.append(session.interpolate(first, second, timestep, new, _cut(rhythm, tile)))
        inside = tile.within(width, height)
        rows, columns = slice(inside.y, inside.bottom), slice(inside.x, inside.right)
        share = _share(inside, (width, height), tiling.overlap)
        for plane, fresh in zip(total, new, strict=True):
            plane[rows, columns] += share * fresh[: inside.height, : inside.width]
        shares[rows, columns] += share
    for target, plane in zip(into, total, strict=True):
        np.copyto(target, plane / shares, casting="same_kind")
    known = [each for each in sure if each is not None]
    return sum(known) / len(known) if known else None


def motion(session: Session, tiling: Tiling, left: Planes, right: Planes) -> Array:
    """As of `base.Session`: where tiles overlap, the longer motion counts."""
    height, width = left[0].shape
    found = np.zeros((1, 1, -(-height // CELL), -(-width // CELL)), np.float32)
    for tile in tiling.regions():
        cells = session.motion(
            *(session.prepare(regions.crop(planes, tile)) for planes in (left, right))
        )
        part = found[:, :, tile.y // CELL :, tile.x // CELL :][
            :, :, : -(-tile.height // CELL), : -(-tile.width // CELL)
        ]
        np.maximum(part, cells[:, :, : part.shape[2], : part.shape[3]], out=part)
    return found


def _cut(rhythm: Rhythm | None, tile: Region) -> Rhythm | None:
    """The part of each map that belongs to a tile."""
    if rhythm is None:
        return None
    x, y = tile.x // CELL, tile.y // CELL
    size = tile.right, tile.bottom

    def part(cells: Array | None) -> Array | None:
        return None if cells is None else arrays.fitted(cells, size)[:, :, y:, x:]

    return Rhythm(*(part(cells) for cells in rhythm))


def _share(tile: Region, picture: tuple[int, int], overlap: int) -> Array:
    """How much each pixel of a tile counts, (height, width), above 0: less towards a border inside
    the picture."""
    across = _ramp(tile.x > 0, tile.right < picture[0], tile.width, overlap)
    down = _ramp(tile.y > 0, tile.bottom < picture[1], tile.height, overlap)
    found: Array = down[:, None] * across
    return found


def _ramp(rises: bool, falls: bool, length: int, overlap: int) -> Array:
    at = np.arange(length, dtype=np.float32)
    found = np.ones(length, np.float32)
    if rises:
        found = np.minimum(found, (at + 1) / (overlap + 1))
    if falls:
        found = np.minimum(found, (length - at) / (overlap + 1))
    return found
