"""The region of a picture that the network runs on: where two frames differ, and around it.

Outside of it both frames are equal, so nothing needs computing. Arrays and numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsrife.inference.base import Planes

type Array = NDArray[Any]

# Sizes of a region, as shares of the picture's width and height. Few, since every size is a graph
# that runtimes compile (0.5 to 1 s) and keep (60 MiB and more at 640x360). These five save most of
# what any box would: on 1582 pairs of drawn frames they compute 0.54 of all pixels, 25 sizes 0.46.
SHARES = ((3 / 8, 3 / 8), (1.0, 1 / 2), (1 / 2, 1.0), (5 / 8, 5 / 8), (3 / 4, 3 / 4))
WHOLE = 0.8  # regions of more pixels than this share of the picture are not worth a graph
# Unchanged pixels around what changes, in which the new frame goes over into the source. With 8,
# 32, 64 and 96, nano and 4.25 were equally near to the truth, to 0.1 dB (drawn validation clips)
MARGIN = 16
CELL = 8  # regions begin at multiples of this: cells of the cadence, and of subsampled chroma
_CODE = 1 / 255  # step of 8 bits
_COARSE = 8  # rows; every eighth one is compared first


class Region(NamedTuple):
    """A rectangle of pixels: its left upper corner and its size. It may reach beyond the picture to
    the right and below; with width 0 it is empty: nothing changes."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def within(self, width: int, height: int) -> Region:
        """The part of it in a picture of that size."""
        right, bottom = min(self.right, width), min(self.bottom, height)
        return Region(self.x, self.y, right - self.x, bottom - self.y)


NOTHING = Region(0, 0, 0, 0)


@dataclass(frozen=True)
class Layout:
    """Where regions of a picture may lie.

    width, height: of the picture, pixels. unit: sides of a region are multiples of this. margin:
    pixels around what changes.
    """

    width: int
    height: int
    unit: int
    margin: int = MARGIN

    @property
    def padded(self) -> tuple[int, int]:
        """Width and height of the picture in whole units."""
        return _rounded(self.width, self.unit), _rounded(self.height, self.unit)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Width and height of all regions, the smallest first; empty for small pictures."""
        width, height = self.padded
        found = {
            (
                min(width, _rounded(share * self.width, self.unit)),
                min(height, _rounded(tall * self.height, self.unit)),
            )
            for share, tall in SHARES
        }
        most = WHOLE * width * height
        return tuple(
            sorted((s for s in found if s[0] * s[1] <= most), key=lambda s: (s[0] * s[1], s))
        )

    def around(self, box: Region) -> Region | None:
        """The smallest region that holds `box` and its margin; None: only the whole picture does.

        box: in the picture. The margin ends at the picture's edges.
        """
        left, right = self._widened(box.x, box.right, self.width)
        top, bottom = self._widened(box.y, box.bottom, self.height)
        for width, height in self.sizes:
            if width >= right - left and height >= bottom - top:
                x = _placed(left, right, width, self.padded[0])
                y = _placed(top, bottom, height, self.padded[1])
                return Region(x, y, width, height)
        return None

    def _widened(self, low: int, high: int, side: int) -> tuple[int, int]:
        low = max(0, low - self.margin) // CELL * CELL
        return low, _rounded(min(side, high + self.margin), CELL)

    def share(self, region: Region) -> float:
        """Pixels of a region over those of the whole picture, both as the network pads them."""
        width, height = self.padded
        return region.width * region.height / (width * height)


def _rounded(length: float, unit: int) -> int:
    """`length` pixels, enlarged to a multiple of `unit`."""
    return int(-(-length // unit)) * unit


def _placed(low: int, high: int, length: int, side: int) -> int:
    """Where a region of `length` begins, with low..high in its middle and within 0..side."""
    return min(max(0, (low + high - length) // 2 // CELL * CELL), side - length)


def find_region(layout: Layout, left: Planes, right: Planes, threshold: float) -> Region | None:
    """The region of what differs between two frames by more than `threshold`.

    left, right: the same number of planes (height, width), floating point. threshold: of one sample
    of any plane, 0 for any difference. NaN differs from everything. None: the whole picture.
    """
    # Filmed frames differ everywhere: an eighth of the rows tells that no region suffices
    some = _box(left, right, threshold, _COARSE)
    if some is not None and layout.around(some) is None:
        return None
    box = _box(left, right, threshold, 1)
    return NOTHING if box is None else layout.around(box)


def _box(left: Planes, right: Planes, threshold: float, step: int) -> Region | None:
    """The box of all samples that differ in every `step`th row; None if none do."""
    rows = slice(None, None, step)
    differs = np.zeros(left[0][rows].shape, np.bool_)
    for a, b in zip(left, right, strict=True):
        differs |= _differs(a[rows], b[rows], threshold)
    lines = np.flatnonzero(differs.any(axis=1))
    if not len(lines):
        return None
    first, last = int(lines[0]), int(lines[-1])
    columns = np.flatnonzero(differs[first : last + 1].any(axis=0))
    x, y = int(columns[0]), first * step
    return Region(x, y, int(columns[-1]) + 1 - x, last * step + 1 - y)


def _differs(a: Array, b: Array, threshold: float) -> Array:
    if not threshold:
        found: Array = a != b
        return found
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return ~(np.abs(a - b) <= threshold)


def crop(planes: Planes, region: Region) -> list[Array]:
    """The planes (height, width) of `region`; beyond the picture its edge is repeated. Copies."""
    height, width = planes[0].shape
    wide, tall = max(0, region.right - width), max(0, region.bottom - height)
    cut = [p[region.y : region.bottom, region.x : region.right] for p in planes]
    return [np.pad(p, ((0, tall), (0, wide)), "edge") for p in cut]


def join(left: Planes, new: Sequence[Array], region: Region, margin: int, into: Planes) -> None:
    """Write a picture that is `new` in the region and `left` elsewhere into the planes `into`.

    left, into: planes (height, width); new: as many, (region.height, region.width). Within `margin`
    pixels of the region's border the picture goes over from one to the other; the outermost pixels
    of the region differ from `left` by one step of 8 bits at most, so there is no seam.
    """
    for source, fresh, target in zip(left, new, into, strict=True):
        np.copyto(target, source, casting="same_kind")
        inside = source[region.y : region.bottom, region.x : region.right]
        height, width = inside.shape
        out = target[region.y : region.bottom, region.x : region.right]
        np.copyto(out, fresh[:height, :width], casting="same_kind")
        for band, weights in _bands(source.shape, region, (height, width), margin):
            _fade(inside[band], out[band], weights)


def _bands(
    picture: tuple[int, ...], region: Region, size: tuple[int, int], margin: int
) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """The parts of a region along its borders inside the picture, and the new picture's weights."""
    (tall, wide), (height, width), every = picture, size, slice(None)
    rise = _weights(margin)
    if region.y > 0:
        yield (slice(0, margin), every), rise[:height, None]
    if region.bottom < tall:
        yield (slice(max(0, height - margin), height), every), rise[::-1][-height:, None]
    if region.x > 0:
        yield (every, slice(0, margin)), rise[None, :width]
    if region.right < wide:
        yield (every, slice(max(0, width - margin), width)), rise[::-1][None, -width:]


def _weights(margin: int) -> Array:
    """From nearly 0 to nearly 1 over `margin` pixels, level at both ends."""
    at = np.arange(1, margin + 1, dtype=np.float32) / (margin + 1)
    found: Array = at * at * (3 - 2 * at)
    return found


def _fade(source: Array, out: Array, weights: Array) -> None:
    """Move `out` towards `source`; the outermost pixels, of least weight, by all but one step."""
    with np.errstate(invalid="ignore"):
        change = (out - source) * weights
        change = np.where(weights == weights.min(), change.clip(-_CODE, _CODE), change)
        # a sample of the source that is no number differs, so it is not near the border
        np.copyto(out, source + change, casting="same_kind")
