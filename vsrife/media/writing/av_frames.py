"""Frames of VapourSynth as pictures of FFmpeg, sample by sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vsrife.media.writing.convert import is_alpha
from vsrife.video.frames import ALPHA

if TYPE_CHECKING:
    import av


def picture(frame: vs.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """The frame's planes, and its alpha plane if the format has one.

    pixel_format: FFmpeg's name of the same planes, see `convert.planar_name`.
    """
    import av

    planes = [frame[index] for index in range(frame.format.num_planes)]
    if pixel_format.startswith("gbr"):
        planes = [planes[1], planes[2], planes[0]]  # FFmpeg's order
    if is_alpha(pixel_format):
        alpha: Any = frame.props[ALPHA]
        planes.append(alpha[0])
    made = av.VideoFrame(frame.width, frame.height, pixel_format)
    for plane, samples in zip(made.planes, planes, strict=True):
        rows = np.asarray(samples)
        into = np.frombuffer(plane, rows.dtype).reshape(plane.height, -1)  # with padding
        into[:, : rows.shape[1]] = rows
    return made


def packed(made: av.VideoFrame, own: str) -> av.VideoFrame:
    """The same samples in the encoder's own format `own`."""
    return made if made.format.name == own else made.reformat(format=own)
