"""Lossless segments as one clip again, for encodings that need the whole film."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import vapoursynth as vs

from vsrife.media.reasons import reason_of
from vsrife.messages import counted
from vsrife.rendering.film.source_film import Film
from vsrife.rendering.jobs.join import BadSegmentError, Piece


def spliced(pieces: Sequence[Piece], film: Film) -> vs.VideoNode:
    """The frames of all segments, in the film's format and described as the film is.

    BadSegmentError for a segment that does not give its frames.
    """
    parts = [_opened(piece, film) for piece in pieces]
    # one node for all: a chain of `+` would be as deep as there are segments
    splice: Any = vs.core.std
    return film.described(splice.Splice(parts) if len(parts) > 1 else parts[0])


def _opened(piece: Piece, film: Film) -> vs.VideoNode:
    try:
        clip = vs.core.bs.VideoSource(os.fsencode(piece.path), cachemode=0, showprogress=False)
    except vs.Error as error:
        raise BadSegmentError(piece, f"cannot be read ({reason_of(error)})") from error
    if clip.num_frames != piece.end - piece.begin:
        raise BadSegmentError(piece, f"has {counted(clip.num_frames, 'frame')}")
    if clip.format.id != film.clip.format.id:  # FFmpeg keeps 9 to 15 bits in 16
        clip = clip.resize.Point(format=film.clip.format.id)
    return clip
