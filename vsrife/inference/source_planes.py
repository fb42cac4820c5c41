"""A source frame's planes as its clip stores them, and what their samples mean.

Sessions that tell "planes" take them so, and write new frames so: see `base.Session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

type Row = tuple[float, float, float]


class Span(NamedTuple):
    """Sample values: zero stands for 0, zero + length for 1."""

    zero: float
    length: float


class Subsampling(NamedTuple):
    """Of chroma, along one axis: 1, 2 or 4 luma samples for each of chroma. place: where that one
    lies among them: -1 the first, 0 their centre, 1 the last."""

    factor: int
    place: int


AS_THEY_ARE, FULL_SIZE = Span(0, 1), Subsampling(1, 0)


@dataclass(frozen=True)
class Coding:
    """What the samples of a frame's planes mean, and so of the new frame that is written alike.

    planes: 1 (grey) or 3, before further ones (alpha). bits: of integers, up to 16; None: floating
    point. light: of luma, grey or RGB. chroma: its 0 and the distance from -0.5 to 0.5. to_yuv:
    rows of the matrix from RGB; None: the planes are RGB or grey. across, down: of chroma.
    """

    planes: int
    bits: int | None
    light: Span = AS_THEY_ARE
    chroma: Span = AS_THEY_ARE
    to_yuv: tuple[Row, Row, Row] | None = None
    across: Subsampling = FULL_SIZE
    down: Subsampling = FULL_SIZE

    @property
    def is_plain(self) -> bool:
        """Whether samples are the network's own numbers: RGB or grey of floating point."""
        return self.bits is None and self.to_yuv is None

    @property
    def to_rgb(self) -> tuple[Row, ...]:
        """Rows of the matrix from YUV."""
        return tuple(tuple(row) for row in np.linalg.inv(np.array(self.to_yuv)).tolist())


class SourcePlanes(Sequence[NDArray[np.generic]]):
    """Planes (height, width), chroma as it is subsampled, then planes of 0..1 as float32 that are
    moved along (alpha)."""

    def __init__(self, planes: Sequence[NDArray[np.generic]], coding: Coding) -> None:
        self._planes, self.coding = tuple(planes), coding

    def __len__(self) -> int:
        return len(self._planes)

    @overload
    def __getitem__(self, at: int) -> NDArray[np.generic]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[NDArray[np.generic]]: ...
    def __getitem__(self, at: int | slice) -> NDArray[np.generic] | Sequence[NDArray[np.generic]]:
        return self._planes[at]

    def copy(self) -> SourcePlanes:
        """The same samples in memory of their own."""
        return SourcePlanes([np.array(plane) for plane in self._planes], self.coding)


class Timestep(float):
    """A timestep that knows the other ones between its two frames, which will probably be asked for
    next: a session that makes several new frames in one call may make them ahead."""

    beside: tuple[float, ...]

    def __new__(cls, value: float, beside: Sequence[float] = ()) -> Timestep:
        found = super().__new__(cls, value)
        found.beside = tuple(beside)
        return found
