"""Rows of pyramid networks: the sizes of their layers. The network itself is in `pyramid`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from vsrife.network.own.own_row import OwnRow, Tensors, conv

# Channels that each level passes on to the next finer one: flow 0-3 (pixels of the level), mask 4
# (logit), features 5...
STATE = 16
# Masks for each cell of the finest level: two by two
MASKS = 4
# The levels, by the pixels of a cell, coarsest first; each has one block
LEVELS = (32, 16, 8, 4)
# Those whose blocks see a cost volume of keys that the flow so far has warped
VOLUMES = LEVELS[1:3]
# Layers of the encoder at the coarsest level
COARSEST_ENCODED = ("conv4", "body4")
# Those where large motion is found
COARSE = LEVELS[:2]


@dataclass(frozen=True)
class PyramidRow(OwnRow):
    """One pyramid network. All but its last block are for timestep 0.5 and know no timestep.

    features: channels of the encoder at 1/2, 1/4, 1/8, 1/16 and 1/32 of the frame's size.
    views: channels of what blocks see of a frame, warped, at 1/4, 1/8 and 1/16; at 1/32 they see
    the encoder's features, unwarped.
    keys: channels of what is matched, at 1/8, 1/16 and 1/32. radii: of the cost volumes there, in
    cells. meetings: levels whose blocks also see where keys of both frames, as they are, meet half
    way: a thing smaller than a coarser cell is not in what the flow so far has warped; meeting:
    how far, in cells from the middle to either side.
    widths, convs: channels and body convolutions of the blocks of LEVELS; last: those of the block
    at 1/4 that reads the timestep.
    """

    features: tuple[int, int, int, int, int] = (16, 32, 64, 96, 128)
    views: tuple[int, int, int] = (16, 32, 48)
    keys: tuple[int, int, int] = (16, 32, 64)
    radii: tuple[int, int, int] = (2, 2, 5)
    meetings: tuple[int, ...] = COARSE
    meeting: int = 3
    widths: tuple[int, int, int, int] = (128, 96, 64, 32)
    convs: tuple[int, int, int, int] = (4, 4, 3, 2)
    last: tuple[int, int] = (32, 1)

    modulo: ClassVar[int] = LEVELS[0]

    def tensors(self) -> Tensors:
        """Key, shape and uses of each weight per pixel of the picture, for each tensor."""
        yield from self._encoder()
        yield "matching.sharpness", (1,), Fraction(0)
        seen = (2 * self.features[4], *(2 * view for view in self.views[::-1]))
        blocks = zip(LEVELS, seen, self.widths, self.convs, strict=True)
        for level, views, width, convs in blocks:
            parts = {"views": views}
            if level == LEVELS[0]:
                parts["matches"] = 6
            else:
                parts["state"] = STATE
            if level in VOLUMES:
                parts["volume"] = (2 * self.radius(level) + 1) ** 2
            if level in self.meetings:
                parts["meeting"] = (2 * self.meeting + 1) ** 2 + 3
                yield f"block{level}.sharpness", (1,), Fraction(0)
            yield from _block(f"block{level}.", level, parts, width, convs)
            yield from conv(f"block{level}.out", (STATE, width, 3, 3), level)
        width, convs = self.last
        parts = {"views": 2 * self.views[0], "state": STATE}
        yield from _block("last.", LEVELS[-1], parts, width, convs)
        yield "last.time.weight", (width, 2, 1, 1), Fraction(0)
        yield "last.time.bias", (width,), Fraction(0)
        yield from conv("last.out", (4 + MASKS, width, 3, 3), LEVELS[-1])

    def radius(self, level: int) -> int:
        """Of the cost volume at a level, in cells."""
        return dict(zip(LEVELS[2::-1], self.radii, strict=True))[level]

    def _encoder(self) -> Tensors:
        before = 3
        for i, channels in enumerate(self.features):
            size = 3 if i else 4
            yield from conv(f"encode.conv{i}", (channels, before, size, size), 2 << i, 2)
            if i >= 2:
                yield from conv(f"encode.body{i}", (channels, channels, 3, 3), 2 << i, 2)
            before = channels
        for i, channels in enumerate(self.views, 1):
            yield from conv(f"encode.view{i}", (channels, self.features[i], 1, 1), 2 << i, 2)
        for i, channels in enumerate(self.keys, 2):
            yield from conv(f"encode.key{i}", (channels, self.features[i], 1, 1), 2 << i, 2)


def _block(prefix: str, level: int, parts: dict[str, int], width: int, convs: int) -> Tensors:
    for name, channels in parts.items():
        yield from conv(f"{prefix}{name}", (width, channels, 3, 3), level)
    for j in range(convs):
        yield from conv(f"{prefix}body.{j}", (width, width, 3, 3), level)
