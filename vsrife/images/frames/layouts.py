"""Layouts of arrays and tensors: the order of their axes."""

from __future__ import annotations

from typing import NamedTuple

from vsrife.errors import ArgumentError


class Layout(NamedTuple):
    """Order of the axes of a frame. batch: a first axis of length 1; channels: 0 for none."""

    order: str
    batch: bool
    width: int
    height: int
    channels: int

    @property
    def text(self) -> str:
        axes = ", ".join("HW" if not self.channels else self.order)
        return f"({'1, ' if self.batch else ''}{axes})"


def layout_of(shape: tuple[int, ...], wanted: str | None, usual: str, name: str) -> Layout:
    """The layout of a frame of that shape; ArgumentError if it is none.

    wanted: "HWC" or "CHW", None to tell by the shape: the axis of 1 to 4 is the channels, and if
    both could be, `usual` counts.
    """
    inner, batch = (shape[1:], True) if len(shape) == 4 and shape[0] == 1 else (shape, False)
    if 0 in shape:
        raise ArgumentError(f"{name} must have pixels, not the shape {shape}")
    if len(inner) == 2 and not batch:
        return Layout("HW", False, inner[1], inner[0], 0)
    if len(inner) == 3:
        for order in (wanted,) if wanted else (usual, "CHW" if usual == "HWC" else "HWC"):
            channels = inner[order.index("C")]
            if channels <= 4:
                height, width = inner[order.index("H")], inner[order.index("W")]
                return Layout(order, batch, width, height, channels)
    said = f" with layout={wanted!r}" if wanted else ""
    raise ArgumentError(
        f"{name} must have the shape (H, W, C) or (C, H, W) with 1 to 4 channels, or (H, W), "
        f"not {shape}{said}"
    )
