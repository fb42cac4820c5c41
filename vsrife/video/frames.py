"""VapourSynth frames as arrays, and clips of reordered frames."""

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
from vsrife.video.timeline import MAX_FRAMES, as_duration

# Frames for each node of `reorder`: enough to make the cost of a node negligible, few enough to
# keep seeking cheap.
_WINDOW = 512
_WINDOWS_KEPT = 8

ALPHA = "_Alpha"  # property whose value is a grey frame

Planes = list[NDArray[np.generic]]


class Make(Protocol):
    """Callback of ModifyFrame, which passes its arguments by name."""

    def __call__(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame: ...


def duration_of(frame: vs.VideoFrame) -> Fraction | None:
    """Duration of the frame in seconds; None without `_DurationNum` and `_DurationDen`."""
    numerator, denominator = (frame.props.get(f"_Duration{part}") for part in ("Num", "Den"))
    if isinstance(numerator, int) and isinstance(denominator, int) and denominator > 0 < numerator:
        return Fraction(numerator, denominator)
    return None


def durations(clip: vs.VideoNode) -> list[Fraction]:
    """Duration of each frame, in seconds. Requests every frame of the clip once.

    A last frame without a duration, common in files, lasts as long as the one before it.
    ArgumentError if another frame has none.
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
    """The frame's alpha plane; None without one of a format that can be interpolated."""
    alpha = frame.props.get(ALPHA)
    if not isinstance(alpha, vs.VideoFrame) or alpha.format.num_planes != 1:
        return None
    return (
        alpha
        if alpha.format.bits_per_sample <= 16 or alpha.format.sample_type == vs.FLOAT
        else None
    )


def white(kind: vs.VideoFormat) -> float:
    """The value of white in a grey or RGB plane of this format: 1, or the largest integer."""
    return 1.0 if kind.sample_type == vs.FLOAT else float(2**kind.bits_per_sample - 1)


def coded(values: NDArray[np.float32], kind: vs.VideoFormat) -> NDArray[np.float32]:
    """Values of 0..1 as a grey plane of this format stores them, before they are cast."""
    if kind.sample_type == vs.FLOAT:
        return values
    largest = np.float32(white(kind))
    rounded: NDArray[np.float32] = np.rint(np.clip(values * largest, 0, largest))
    return rounded


def planes_and_alpha(frame: vs.VideoFrame) -> Planes:
    """`planes`, then the alpha plane if there is one."""
    alpha = alpha_of(frame)
    return planes(frame) + ([] if alpha is None else planes(alpha))


def same_picture(left: Planes, right: Planes) -> bool:
    """Whether two frames are equal in every sample. NaN equals nothing."""
    if len(left) != len(right):
        return False
    # most frames differ everywhere, so compare every 61st row first: almost free
    rows = slice(0, None, 61)
    pairs = list(zip(left, right, strict=True))
    return all(np.array_equal(a[rows], b[rows]) for a, b in pairs) and all(
        np.array_equal(a, b) for a, b in pairs
    )


def without_props(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` without any property, for filters that properties disturb: a resizer, a merge, a blur.

    A frame marked as a field, for example, is resized as one.
    """
    return uncached(clip.std.RemoveFrameProps())


def luma(clip: vs.VideoNode) -> vs.VideoNode:
    """The luma of `clip`, GRAY8; RGB by BT.709, limited range.

    Of the colour properties only `_Range` counts, and only with a known value.
    """
    nodes: dict[int | None, vs.VideoNode] = {}
    plain = without_props(clip)

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
    """A new frame, (1 - weight) * left + weight * right, 0 <= weight <= 1; integers are rounded.

    As in all new frames, NaN counts as 0, -infinity as 0 and infinity as 1.
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
    """`clip`, of floating point, with 0 for NaN. Not by Expr: there "x x =" is true for NaN."""

    def replace_nan(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if not any(np.isnan(plane.min()) for plane in planes(f)):
            return f
        frame = f.copy()
        for plane in planes(frame):
            plane[np.isnan(plane)] = 0
        return frame

    return uncached(clip.std.ModifyFrame(clip, replace_nan))


def reorder(
    clip: vs.VideoNode, template: vs.VideoNode, source: Callable[[int], int]
) -> vs.VideoNode:
    """A clip as long as `template` whose frame n is frame `source(n)` of `clip`.

    `source` must not decrease. Frames keep their properties. VapourSynth reorders by lists only, so
    a list is made for one window of frames when that is first requested. The cost of a frame thus
    depends on neither the length nor `source`.
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
    """A clip with the correct frames from `begin` to the end of the window."""
    end = min(begin + _WINDOW, template.num_frames)
    wanted = [source(n) for n in range(begin, end)]
    first = wanted[0]
    part = uncached(clip.std.Trim(first=first, last=wanted[-1]))
    chosen = uncached(
        part.std.SelectEvery(
            cycle=max(part.num_frames, 2),  # its minimum
            offsets=[k - first for k in wanted],
            modify_duration=False,
        )
    )
    if begin == 0:
        return chosen
    return uncached(uncached(template.std.Trim(length=begin)) + chosen)


def with_last_duration(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip`, whose last frame lasts as long as the one before it if it does not say.

    Files often say nothing of it, and `vspipe` needs the duration of every frame.
    """
    end = clip.num_frames - 1
    last, before = (
        uncached(clip.std.Trim(first=end)),
        uncached(clip.std.Trim(first=end - 1, last=end - 1)),
    )

    def lasting(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        own, other = (duration_of(frame) for frame in f)
        if own is not None or other is None:
            return f[0]
        frame = f[0].copy()
        frame.props["_DurationNum"], frame.props["_DurationDen"] = as_duration(other)
        return frame

    ending = uncached(last.std.ModifyFrame([last, before], lasting))
    return uncached(uncached(clip.std.Trim(last=end - 1)) + ending)


def uncached(node: vs.VideoNode) -> vs.VideoNode:
    """`node` without a cache. It only passes frames on, and VapourSynth would keep 20 or more."""
    node.std.SetVideoCache(mode=0)
    return node
