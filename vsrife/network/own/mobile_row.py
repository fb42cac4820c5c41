"""Rows of networks for small machines: the sizes of their layers. The network is in `mobile`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from vsrife.network.own.own_row import OwnRow, Tensors, conv

# What blocks estimate: flow 0-3, mask 4 (logit)
STATE = 5
# The blocks, by the pixels of a cell, coarsest first; the result has half the frame's size
LEVELS = (16, 8, 4)


@dataclass(frozen=True)
class MobileRow(OwnRow):
    """One network of strided convolutions down and transposed ones up.

    features: channels of a frame's encoder at 1/2, 1/4, 1/8 and 1/16 of its size.
    widths, convs: channels and body convolutions of the blocks of LEVELS.
    scales: 3: each block corrects the flow, and sees both frames warped by the one before;
    1: flow is estimated once, after the last block, and nothing is warped on the way.
    """

    features: tuple[int, int, int, int] = (12, 24, 40, 64)
    widths: tuple[int, int, int] = (96, 48, 24)
    convs: tuple[int, int, int] = (4, 2, 1)
    scales: int = 3

    modulo: ClassVar[int] = LEVELS[0]

    def tensors(self) -> Tensors:
        """Key, shape and uses of each weight per pixel of the picture, for each tensor."""
        before = 3
        for i, channels in enumerate(self.features):
            size = 3 if i else 4
            yield from conv(f"encode.conv{i}", (channels, before, size, size), 2 << i, 2)
            before = channels
        blocks = zip(LEVELS, self.features[:0:-1], self.widths, self.convs, strict=True)
        for i, (level, seen, width, convs) in enumerate(blocks):
            prefix = f"block{level}."
            yield from conv(f"{prefix}views", (width, 2 * seen, 3, 3), level)
            if level == LEVELS[-1]:
                yield f"{prefix}time.weight", (width, 2, 1, 1), Fraction(0)
                yield f"{prefix}time.bias", (width,), Fraction(0)
            for j in range(convs):
                yield from conv(f"{prefix}body.{j}", (width, width, 3, 3), level)
            if level > LEVELS[-1]:
                yield from _deconv(f"{prefix}up", (width, self.widths[i + 1], 4, 4), level)
                if self.scales > 1:
                    yield from conv(f"{prefix}out", (STATE, width, 3, 3), level)
        yield from _deconv("last", (self.widths[-1], STATE, 4, 4), LEVELS[-1])


def _deconv(key: str, shape: tuple[int, ...], cell: int) -> Tensors:
    """cell: of its input, by which each weight is used once."""
    yield f"{key}.weight", shape, Fraction(1, cell * cell)
    yield f"{key}.bias", (shape[1],), Fraction(0)
