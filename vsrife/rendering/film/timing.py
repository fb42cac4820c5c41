"""Frame rates that users ask for, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsrife.errors import ArgumentError
from vsrife.media.timestamps import Times
from vsrife.video.timeline import as_duration

_FASTEST = 100_000  # frames per second; beyond, files cannot hold the times


def check_rate(name: str, rate: Fraction) -> None:
    """ArgumentError for more frames per second than files have times for.

    name: of the argument that asks for it.
    """
    if rate > _FASTEST:
        raise ArgumentError(
            f"{name} must make at most {_FASTEST} frames per second, not {int(rate)}; choose a "
            "lower one"
        )


def cheaper_rate(source: Fraction, wanted: Fraction) -> Fraction | None:
    """A whole multiple of the source's rate within 0.2 % of the wanted one; None if it is one.

    It keeps every source frame, where the wanted rate makes nearly all frames new.
    """
    factor = round(wanted / source)
    if factor < 1 or wanted == source * factor:
        return None
    near = source * factor
    return near if abs(near / wanted - 1) <= Fraction(2, 1000) else None


def constant_rate(
    options: Mapping[str, Any], times: Times, own: Fraction | None = None
) -> Fraction:
    """The rate for --cfr: the wanted one, else the mean times the factor, as a common rate.

    own: the source's, times the factor instead, where it is known: that of images without gaps.
    """
    if options.get("fps") is not None:
        return Fraction(options["fps"])
    factor = Fraction(options.get("factor") or 2)
    if own is not None:
        return own * factor
    mean = times.rate * factor
    common = (
        *(Fraction(n) for n in range(1, 481)),
        *(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 72, 96, 120, 240)),
    )
    near = min(common, key=lambda rate: abs(rate / mean - 1))
    return near if abs(near / mean - 1) < Fraction(1, 100) else mean.limit_denominator(1001)


def with_durations(clip: vs.VideoNode, times: Times) -> vs.VideoNode:
    """`clip` whose frames have the durations of `times`."""

    def last(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        length = (times.ticks[n + 1] - times.ticks[n]) * times.base
        frame.props["_DurationNum"], frame.props["_DurationDen"] = as_duration(length)
        return frame

    return clip.std.ModifyFrame(clip, last)


def looped(clip: vs.VideoNode, first: int, end: int) -> vs.VideoNode:
    """Frames up to `end`, and then frame `first` once more: what follows the last one in a loop."""
    return clip[:end] + clip[first]


def looped_times(times: Times, first: int, end: int) -> Times:
    """The times of `looped`."""
    ticks = list(times.ticks[: end + 1])
    again = times.ticks[first + 1] - times.ticks[first]
    return Times(times.base, [*ticks, ticks[-1] + again], times.rate)
