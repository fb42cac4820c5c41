"""Samples of frames as floats in 0..1, and back; for arrays and tensors alike."""

from __future__ import annotations

from typing import NamedTuple

from vsrife.detection.luma import Pixels
from vsrife.errors import ArgumentError

DTYPES = "uint8, uint16, float16, bfloat16, float32 or float64"
_PEAKS = {"uint8": 255.0, "uint16": 65535.0}
_FLOATS = ("float16", "float32", "float64", "bfloat16")
_SLACK = 0.05  # of the range: how far resizing overshoots; more is another range


class Scale(NamedTuple):
    """low, span: black, and white minus black, in a frame's samples. whole: they are integers."""

    low: float
    span: float
    whole: bool

    def check(self, picture: Pixels, name: str) -> None:
        """ArgumentError for samples that are not numbers, or out of range."""
        if self.whole:
            return
        least, most = float(picture.min()), float(picture.max())
        if least >= -_SLACK and most <= 1 + _SLACK:
            return
        if not (least - least == most - most == 0):
            raise ArgumentError(
                f"{name} has samples that are infinite or not a number (NaN); a network that "
                "overflowed in half floats makes such"
            )
        low, high = (value * self.span + self.low for value in (least, most))
        raise ArgumentError(
            f"{name} has samples from {low:.4g} to {high:.4g}, beyond "
            f"value_range=({self.low:g}, {self.low + self.span:g}); say which values are black "
            "and white by value_range=, or scale them"
        )


def scale_of(dtype: str, value_range: tuple[float, float], name: str) -> Scale:
    """The scale of samples of that type; ArgumentError for a type that is no image's."""
    if dtype in _PEAKS:
        return Scale(0.0, _PEAKS[dtype], True)
    if dtype in _FLOATS:
        low, high = value_range
        return Scale(low, high - low, False)
    raise ArgumentError(f"{name} must have samples of {DTYPES}, not {dtype}; convert them")


def has_alpha(channels: int) -> bool:
    return channels in (2, 4)
