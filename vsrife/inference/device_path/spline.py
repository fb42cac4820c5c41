"""Chroma between sizes by a Spline36 kernel, as weights of neighbours: numbers alone, no framework.

The kernel is the interpolating cubic spline over 36 neighbours, 6 on each axis, as in the clip's
own resizer. It becomes wider where a picture becomes smaller. Beyond the edges a picture is
mirrored.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsrife.inference.source_planes import Subsampling

_REACH = 3  # samples on each side
# Polynomials of the distance beyond 0, 1 and 2, the highest power first
_PIECES = (
    (13 / 11, -453 / 209, -3 / 209, 1.0),
    (-6 / 11, 270 / 209, -156 / 209, 0.0),
    (1 / 11, -45 / 209, 26 / 209, 0.0),
)


class Phase(NamedTuple):
    """One of the places that repeat along an axis. first: of the neighbours of output sample 0 of
    this phase, counted from input sample 0, may be below it; weights: of these neighbours."""

    first: int
    weights: tuple[float, ...]


def kernel(distance: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Weight of a sample at a distance, in samples."""
    away = np.abs(distance)
    pieces = [np.polyval(piece, away - k) for k, piece in enumerate(_PIECES)]
    return np.select([away < k + 1 for k in range(_REACH)], pieces, 0.0)


@functools.cache
def enlarging(axis: Subsampling) -> tuple[Phase, ...]:
    """From chroma's size to luma's: sample `factor * i + p` is phase p at i; `first` moves by 1
    with i."""
    shift = -axis.place * (0.5 - 0.5 / axis.factor)
    places = [(p + 0.5) / axis.factor + shift for p in range(axis.factor)]
    return tuple(_phase(place, 1.0) for place in places)


@functools.cache
def reducing(axis: Subsampling) -> Phase:
    """From luma's size to chroma's: `first` moves by `factor` with i."""
    place = 0.5 * axis.factor + axis.place * (axis.factor - 1) / 2
    return _phase(place, 1.0 / axis.factor)


def mirrored(first: int, count: int, length: int) -> NDArray[np.int64]:
    """Indices of `count` samples from `first` on in a row of that length: each edge is repeated
    once and the row mirrored there."""
    at = np.arange(first, first + count)
    found = np.select([at < 0, at >= length], [-1 - at, 2 * length - 1 - at], at)
    return np.clip(found, 0, length - 1)  # a picture of fewer samples than the kernel


def _phase(place: float, step: float) -> Phase:
    """Neighbours of a place on the input's axis, where sample k covers k to k + 1."""
    count = 2 * int(np.ceil(_REACH / step))
    first = int(np.floor(place - count / 2 + 0.5))
    weights = kernel((first + 0.5 + np.arange(count) - place) * step)
    weights = weights / weights.sum()
    used = np.flatnonzero(np.abs(weights) > 1e-12)  # none at a sample's own place but that one
    begin, end = int(used[0]), int(used[-1]) + 1
    return Phase(first + begin, tuple(weights[begin:end].tolist()))
