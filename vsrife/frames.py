"""VapourSynth frames as arrays, and clips whose frames are others' in another order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.errors import ArgumentError

# One node of `reorder` serves this many frames: large enough that making nodes costs nothing per
# frame, small enough that a jump to anywhere stays cheap.
_WINDOW = 512
_WINDOWS_KEPT = 8

_HOW_TO_CONVERT = (
    'convert it first, for example clip.resize.Bicubic(format=vs.RGBS, matrix_in_s="709"), '
    'and back after rife() with .resize.Bicubic(format=vs.YUV420P8, matrix_s="709")'
)

Planes = list[NDArray[np.generic]]


def check_clip(clip: object) -> vs.VideoNode:
    """`clip` if the filter can work on it; ArgumentError with the way out if not."""
    if not isinstance(clip, vs.VideoNode):
        raise ArgumentError(
            f"this is not a clip: clip must be a vs.VideoNode, not {type(clip).__name__}"
        )
    if clip.format is None or clip.format.id == vs.NONE or not clip.width or not clip.height:
        raise ArgumentError(
            "clip must have a constant format and size, not variable ones; "
            "give it both with clip.resize"
        )
    if clip.format.id not in (vs.RGBH, vs.RGBS):
        raise ArgumentError(
            f"only RGBH and RGBS formats are supported, not {clip.format.name}; {_HOW_TO_CONVERT}"
        )
    if clip.num_frames < 2:
        raise ArgumentError(
            f"clip's number of frames must be at least 2, not {clip.num_frames}; "
            "nothing lies between fewer"
        )
    if clip.gpu_resident:
        raise ArgumentError("clip must be in main memory, not on the GPU; add .std.GPUDownload()")
    return clip


def planes(frame: vs.VideoFrame) -> Planes:
    """The frame's planes as (height, width) arrays that share its memory."""
    return [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]


def same_picture(left: Planes, right: Planes) -> bool:
    """Whether two frames are equal in every sample. NaN equals nothing."""
    # nearly all frames differ at once; a few rows tell, at no cost to speak of
    rows = slice(0, None, 61)
    pairs = list(zip(left, right, strict=True))
    return all(np.array_equal(a[rows], b[rows]) for a, b in pairs) and all(
        np.array_equal(a, b) for a, b in pairs
    )


def reorder(
    clip: vs.VideoNode, template: vs.VideoNode, source: Callable[[int], int]
) -> vs.VideoNode:
    """A clip as long as `template` whose frame n is frame `source(n)` of `clip`.

    `source` must not decrease. VapourSynth can only reorder by lists, so lists are made for a
    window of frames at a time, when it is first asked for: evaluation costs the same for any length
    and any formula. Frames keep their properties.
    """
    windows: OrderedDict[int, vs.VideoNode] = OrderedDict()

    def window_of(n: int) -> vs.VideoNode:
        number = n // _WINDOW
        node = windows.get(number)
        if node is None:
            node = windows[number] = _window(clip, template, source, number * _WINDOW)
            if len(windows) > _WINDOWS_KEPT:
                windows.popitem(last=False)
        else:
            windows.move_to_end(number)
        return node

    return template.std.FrameEval(window_of, clip_src=clip)


def _window(
    clip: vs.VideoNode, template: vs.VideoNode, source: Callable[[int], int], begin: int
) -> vs.VideoNode:
    """A clip that is right from frame `begin` on, for one window."""
    end = min(begin + _WINDOW, template.num_frames)
    wanted = [source(n) for n in range(begin, end)]
    first = wanted[0]
    part = clip.std.Trim(first=first, last=wanted[-1])
    chosen = part.std.SelectEvery(
        cycle=max(part.num_frames, 2),  # it takes no less
        offsets=[k - first for k in wanted],
        modify_duration=False,
    )
    return chosen if begin == 0 else template.std.Trim(length=begin) + chosen
