"""Lossless films of a few frames, from pictures."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3) RGB


def save_film(path: Path, pictures: Iterable[Picture], rate: Fraction, *, first: int = 0) -> Path:
    """Write RGB pictures, bit for bit; first: periods before the first one."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=rate)
        stream.pix_fmt = "bgr0"
        for n, picture in enumerate(pictures, first):
            if n == first:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = n, 1 / rate
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def blocks(count: int, *, size: tuple[int, int] = (64, 48), shift: int = 0) -> list[Picture]:
    """A bright block over grey that moves by a pixel a frame; shift: added to the grey, from the
    third frame on more each time."""
    width, height = size
    pictures = []
    for n in range(count):
        picture = np.full((height, width, 3), 100, np.uint8)
        picture += np.uint8(shift and shift + n)
        picture[8:20, n % (width - 12) : n % (width - 12) + 12] = (220, 60, 40)
        pictures.append(picture)
    return pictures
