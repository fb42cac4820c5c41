"""What rows of our own networks have in common: pyramids, and networks for small machines."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar

Tensors = Iterator[tuple[str, tuple[int, ...], Fraction]]


class OwnRow:
    """What rows of IFNet decide one by one. modulo: padded sides are multiples of it at scale 1."""

    encoder: ClassVar[None] = None
    ensemble: ClassVar[bool] = False
    rescales: ClassVar[bool] = False
    prelu: ClassVar[bool] = False
    modulo: ClassVar[int]

    def pad_unit(self, scale: float) -> int:
        """Sides must be multiples of this at `scale`; at least `modulo`."""
        return max(self.modulo, int(self.modulo / scale))


def conv(key: str, shape: tuple[int, ...], cell: int, images: int = 1) -> Tensors:
    """Key, shape and uses per pixel of weights and bias. cell: pixels of a cell of the output."""
    yield f"{key}.weight", shape, Fraction(images, cell * cell)
    yield f"{key}.bias", (shape[0],), Fraction(0)
