"""Frames that are PIL images."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from vsrife.errors import ArgumentError
from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import Look, describe, is_pil
from vsrife.images.frames.layouts import Layout
from vsrife.images.frames.ndarrays import Array, frame_of, picture_of
from vsrife.images.frames.samples import scale_of

# mode -> channels; a small "a": colours are multiplied by alpha
_CHANNELS = {
    "L": 0, "I;16": 0, "I;16B": 0, "F": 0, "LA": 2, "La": 2, "RGB": 3, "RGBA": 4, "RGBa": 4
}  # fmt: skip
# How samples of other modes than bytes lie in memory
_SAMPLES = {"I;16": "<u2", "I;16B": ">u2", "F": "=f4"}
_NEAREST = {"I": "I;16", "P": "RGBA", "PA": "RGBA"}  # what holds another mode; RGB for all others
_KEPT = ("icc_profile",)  # what `info` says about the samples themselves


class PilImages:
    """See `kinds.Kind`."""

    def __init__(self, first: Image.Image, options: ImageOptions) -> None:
        mode = first.mode
        check_mode(mode, "frame 0")
        width, height = first.size
        if not width or not height:
            raise ArgumentError(f"frame 0 must have pixels, not the size {width}x{height}")
        channels = _CHANNELS[mode]
        self._mode, self._premultiplied = mode, mode in ("La", "RGBa")
        self._stored = np.dtype(_SAMPLES.get(mode, np.uint8))
        self._dtype = self._stored.newbyteorder("=")
        self._layout = Layout("HWC", False, width, height, channels)
        self._scale = scale_of(self._dtype.name, options.value_range, "frame 0")
        self.look = Look(self.text_of(first), width, height, channels or 1)

    def text_of(self, frame: Any) -> str:
        if not is_pil(frame):
            return describe(frame)
        return f"a PIL image {frame.mode} {frame.width}x{frame.height}"

    def read(self, frame: Image.Image, name: str) -> Array:
        samples = np.asarray(frame).astype(self._dtype, copy=False)
        return picture_of(
            samples, self._layout, self._scale, name, premultiplied=self._premultiplied
        )

    def write(self, picture: Array, left: Image.Image, number: int) -> Image.Image:
        image = self.drawn(picture)
        image.info.update({key: left.info[key] for key in _KEPT if key in left.info})
        return image

    def drawn(self, picture: Array) -> Image.Image:
        samples = frame_of(
            picture, self._layout, self._scale, self._dtype, premultiplied=self._premultiplied
        )
        size = self._layout.width, self._layout.height
        return Image.frombytes(self._mode, size, samples.astype(self._stored).tobytes())


def check_mode(mode: str, name: str) -> None:
    """ArgumentError for a mode in which no new frame can be drawn."""
    if mode not in _CHANNELS:
        raise ArgumentError(
            f"{name} must be a PIL image of mode {', '.join(_CHANNELS)}, not {mode}; "
            f'convert("{_NEAREST.get(mode, "RGB")}") makes one'
        )
