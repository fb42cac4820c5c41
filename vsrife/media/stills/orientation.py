"""Images that say how they are to be turned for display, as those of cameras do."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    import av


def upright_size(picture: av.VideoFrame) -> tuple[int, int]:
    """Width and height as displayed."""
    size = picture.width, picture.height
    return size[::-1] if _matrix(picture)[1] else size


def upright(plane: npt.NDArray[Any], picture: av.VideoFrame) -> npt.NDArray[Any]:
    """A plane (height, width) of a picture as displayed: turned, flipped or both."""
    xx, xy, yx, yy = _matrix(picture)
    if xy:
        return plane.T[:: 1 if xy > 0 else -1, :: 1 if yx > 0 else -1]
    return plane[:: 1 if yy > 0 else -1, :: 1 if xx > 0 else -1]


def _matrix(picture: av.VideoFrame) -> tuple[int, int, int, int]:
    """How far a step to the right goes right and down as displayed, and a step down.

    FFmpeg makes a display matrix (libavutil/display.h) of Exif's orientation. One that is no
    quarter turn is left alone.
    """
    side = picture.side_data.get("DISPLAYMATRIX")
    if side is not None:
        xx, xy, _, yx, yy = unpack_from("=5i", bytes(side))
        straight, turned = xx and yy and not (xy or yx), xy and yx and not (xx or yy)
        if straight or turned:
            return xx, xy, yx, yy
    return 1, 0, 0, 1
