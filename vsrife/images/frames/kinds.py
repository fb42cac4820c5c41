"""Kinds of frames: how each becomes a picture for the network, and a new picture such a frame.

A picture is an array (C, H, W) of float32 in 0..1: grey or RGB, and alpha if there is one, with
colours over mid-grey then (see `transparency`). Tensors may be pictures on their own device.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple, Protocol

from vsrife.detection.luma import Pixels


class Look(NamedTuple):
    """What all frames share. text: in words; two frames of one text look alike.

    half: their samples are half floats; device: of PyTorch's that they are on, None for memory.
    """

    text: str
    width: int
    height: int
    channels: int
    half: bool = False
    device: str | None = None


class Kind(Protocol):
    """One kind of frames, as the first of them is."""

    look: Look

    def text_of(self, frame: Any) -> str:
        """What a frame looks like, as `Look.text`; ArgumentError if it is of another kind."""
        ...

    def read(self, frame: Any, name: str) -> Pixels:
        """A picture of its own; ArgumentError, with the frame's name, for values out of range."""
        ...

    def write(self, picture: Pixels, left: Any, number: int) -> Any:
        """A new frame from a picture, which may be changed.

        left: the frame before it; number: of the frame in the output.
        """
        ...


def describe(frame: object) -> str:
    """What something is, for messages."""
    if isinstance(frame, str | os.PathLike):
        return f"the path {os.fspath(frame)!r}"
    return f"{type(frame).__name__}: {frame!r:.60}" if _is_short(frame) else type(frame).__name__


def is_array(frame: object) -> bool:
    import numpy as np

    return isinstance(frame, np.ndarray)


def is_tensor(frame: object) -> bool:
    """Whether it is a tensor; imports nothing, since there is none before PyTorch is imported."""
    return _is_of(frame, "torch", "Tensor")


def is_pil(frame: object) -> bool:
    return _is_of(frame, "PIL.Image", "Image")


def _is_of(frame: object, module: str, name: str) -> bool:
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(frame, cls)


def _is_short(frame: object) -> bool:
    return isinstance(frame, int | float | bytes | bool | None)
