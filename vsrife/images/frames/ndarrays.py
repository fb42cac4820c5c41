"""Frames that are numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.images.asking import ImageOptions
from vsrife.images.frames import transparency
from vsrife.images.frames.kinds import Look, describe, is_array
from vsrife.images.frames.layouts import Layout, layout_of
from vsrife.images.frames.samples import Scale, has_alpha, scale_of

type Array = NDArray[Any]


class Arrays:
    """See `kinds.Kind`. One like the first: same shape, same type of samples."""

    def __init__(self, first: Array, options: ImageOptions) -> None:
        self._layout = layout_of(first.shape, options.layout, "HWC", "frame 0")
        self._scale = scale_of(first.dtype.name, options.value_range, "frame 0")
        self._dtype = first.dtype
        layout = self._layout
        self.look = Look(
            self.text_of(first),
            layout.width,
            layout.height,
            layout.channels or 1,
            half=first.dtype == np.float16,
        )

    def text_of(self, frame: Any) -> str:
        if not is_array(frame):
            return describe(frame)
        return f"an array of {frame.dtype.name} {frame.shape}"

    def read(self, frame: Array, name: str) -> Array:
        return picture_of(frame, self._layout, self._scale, name)

    def write(self, picture: Array, left: Array, number: int) -> Array:
        return frame_of(picture, self._layout, self._scale, self._dtype)


def picture_of(
    frame: Array, layout: Layout, scale: Scale, name: str, *, premultiplied: bool = False
) -> Array:
    """A frame as a picture, see `kinds`."""
    planes = np.asarray(frame).reshape(_inner(frame.shape, layout))
    if not layout.channels:
        planes = planes[None]
    elif layout.order == "HWC":
        planes = planes.transpose(2, 0, 1)
    picture = np.empty(planes.shape, np.float32)
    np.subtract(planes, np.float32(scale.low), out=picture, casting="same_kind")
    picture /= np.float32(scale.span)
    scale.check(picture, name)
    if has_alpha(layout.channels):
        transparency.over_grey(picture.clip(0, 1, out=picture), premultiplied=premultiplied)
    return picture


def frame_of(
    picture: Array,
    layout: Layout,
    scale: Scale,
    dtype: np.dtype[Any],
    *,
    premultiplied: bool = False,
) -> Array:
    """`picture_of` undone; integers are rounded."""
    if has_alpha(layout.channels):
        transparency.off_grey(picture, premultiplied=premultiplied)
    picture *= np.float32(scale.span)
    picture += np.float32(scale.low)
    if scale.whole:
        np.rint(picture.clip(0, scale.span, out=picture), out=picture)
    planes = picture
    if not layout.channels:
        planes = picture[0]
    elif layout.order == "HWC":
        planes = picture.transpose(1, 2, 0)
    frame = np.ascontiguousarray(planes.astype(dtype))
    return frame[None] if layout.batch else frame


def _inner(shape: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    return shape[1:] if layout.batch else shape
