"""VapourSynth frames as arrays, and clips whose frames are others' in another order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import numpy as np
import vapoursynth as vs
import vsutil
from numpy.typing import NDArray

from vsrife.errors import ArgumentError
from vsrife.video.timeline import MAX_FRAMES

# One node of `reorder` serves this many frames: large enough that making nodes costs nothing per
# frame, small enough that a jump to anywhere stays cheap.
_WINDOW = 512
_WINDOWS_KEPT = 8

ALPHA = "_Alpha"  # a property that holds a grey frame

Planes = list[NDArray[np.generic]]


class Make(Protocol):
    """Callback of a ModifyFrame, which names its arguments."""

    def __call__(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame: ...


def duration_of(frame: vs.VideoFrame) -> Fraction | None:
    """How long the frame is shown, in seconds; None if it does not say."""
    numerator, denominator = (frame.props.get(f"_Duration{part}") for part in ("Num", "Den"))
    if isinstance(numerator, int) and isinstance(denominator, int) and denominator > 0 < numerator:
        return Fraction(numerator, denominator)
    return None


def durations(clip: vs.VideoNode) -> list[Fraction]:
    """How long each frame is shown, in seconds. Asks for every frame of the clip, once.

    The last one, of which files often say nothing, then lasts as long as the one before it.
    ArgumentError, with the way out, where another does not say.
    """
    if clip.num_frames == MAX_FRAMES:
        raise ArgumentError(
            "clip does not have a valid frame rate and hence fps_num and fps_den cannot be used, "
            "nor an end, so that its frames could be timed; use factor_num and factor_den"
        )
    found: list[Fraction] = []
    for n, frame in enumerate(clip.frames(close=True)):
        duration = duration_of(frame)
        if duration is None and 0 < n == clip.num_frames - 1:
            duration = found[-1]
        if duration is None:
            raise ArgumentError(
                "clip does not have a valid frame rate and hence fps_num and fps_den cannot be "
                f"used: frame {n} has no duration; use factor_num and factor_den, or give the "
                "clip a rate with clip.std.AssumeFPS"
            )
        found.append(duration)
    return found


def planes(frame: vs.VideoFrame) -> Planes:
    """The frame's planes as (height, width) arrays that share its memory."""
    return [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]


def alpha_of(frame: vs.VideoFrame) -> vs.VideoFrame | None:
    """The frame's alpha plane, if it has one that can be interpolated."""
    alpha = frame.props.get(ALPHA)
    if not isinstance(alpha, vs.VideoFrame) or alpha.format.num_planes != 1:
        return None
    return (
        alpha
        if alpha.format.bits_per_sample <= 16 or alpha.format.sample_type == vs.FLOAT
        else None
    )


def white(kind: vs.VideoFormat) -> float:
    """The largest sample of a grey or RGB plane of that format."""
    return 1.0 if kind.sample_type == vs.FLOAT else float(2**kind.bits_per_sample - 1)


def planes_and_alpha(frame: vs.VideoFrame) -> Planes:
    alpha = alpha_of(frame)
    return planes(frame) + ([] if alpha is None else planes(alpha))


def same_picture(left: Planes, right: Planes) -> bool:
    """Whether two frames are equal in every sample. NaN equals nothing."""
    if len(left) != len(right):
        return False
    # nearly all frames differ at once; a few rows tell, at no cost to speak of
    rows = slice(0, None, 61)
    pairs = list(zip(left, right, strict=True))
    return all(np.array_equal(a[rows], b[rows]) for a, b in pairs) and all(
        np.array_equal(a, b) for a, b in pairs
    )


def bare(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` without any property: what a resizer, a merge or a blur may see of frames that say
    whatever they like, such as that they are fields."""
    return uncached(clip.std.RemoveFrameProps())


def luma(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` in black and white, GRAY8; RGB by BT.709, limited range.

    Of what frames say of their colours, only their range counts, and only if it is known.
    """
    nodes: dict[int | None, vs.VideoNode] = {}
    plain = bare(clip)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        known = f.props.get("_Range")
        if known not in (int(vs.RANGE_LIMITED), int(vs.RANGE_FULL)):
            known = None
        if known not in nodes:
            ranged = plain if known is None else plain.std.SetFrameProps(_Range=known)
            nodes[known] = uncached(_gray8(uncached(ranged)))
        return nodes[known]

    template = clip.std.BlankClip(format=vs.GRAY8, keep=True)
    return template.std.FrameEval(choose, prop_src=clip, clip_src=plain)


def _gray8(clip: vs.VideoNode) -> vs.VideoNode:
    if clip.format.color_family == vs.RGB:
        return clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    return vsutil.get_y(clip).resize.Bicubic(format=vs.GRAY8)


def blended(left: vs.VideoFrame, right: vs.VideoFrame, weight: float) -> vs.VideoFrame:
    """A new frame of (1 - weight) * left + weight * right, 0 <= weight <= 1, integers rounded.

    As in all new frames, NaN counts as 0, and what is infinite as 0 or 1.
    """
    frame = left.copy()
    for plane, other in zip(planes(frame), planes(right), strict=True):
        begin, end = (
            np.nan_to_num(each.astype(np.float32), nan=0, posinf=1, neginf=0)
            for each in (plane, other)
        )
        mixed = begin + np.float32(weight) * (end - begin)
        plane[...] = np.rint(mixed) if np.issubdtype(plane.dtype, np.integer) else mixed
    return frame


def without_nan(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip`, of floating point, with 0 for NaN. Not by Expr, to which "x x =" is always true."""

    def mend(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if not any(np.isnan(plane.min()) for plane in planes(f)):
            return f
        frame = f.copy()
        for plane in planes(frame):
            plane[np.isnan(plane)] = 0
        return frame

    return uncached(clip.std.ModifyFrame(clip, mend))


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

    return uncached(template.std.FrameEval(window_of, clip_src=clip))


def _window(
    clip: vs.VideoNode, template: vs.VideoNode, source: Callable[[int], int], begin: int
) -> vs.VideoNode:
    """A clip that is right from frame `begin` on, for one window."""
    end = min(begin + _WINDOW, template.num_frames)
    wanted = [source(n) for n in range(begin, end)]
    first = wanted[0]
    part = uncached(clip.std.Trim(first=first, last=wanted[-1]))
    chosen = uncached(
        part.std.SelectEvery(
            cycle=max(part.num_frames, 2),  # it takes no less
            offsets=[k - first for k in wanted],
            modify_duration=False,
        )
    )
    if begin == 0:
        return chosen
    return uncached(uncached(template.std.Trim(length=begin)) + chosen)


def uncached(node: vs.VideoNode) -> vs.VideoNode:
    """`node`, which only hands frames on, but keeps none: VapourSynth would keep 20 or more."""
    node.std.SetVideoCache(mode=0)
    return node
