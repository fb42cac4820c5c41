"""Speed ramps: a file says which place of the source is shown at which time of the output."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, lcm
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from vsrife.errors import ArgumentError, MediaError
from vsrife.media.timestamps import Times
from vsrife.media.tracks.ramp_sound import Place
from vsrife.messages import counted
from vsrife.rendering.film import span
from vsrife.video.frames import uncached
from vsrife.video.timeline import MAX_FRAMES

_END = "end"
_WINDOW = 256  # frames that are looked up by one node
_STEPS = 960  # of a source frame at most, where positions need more; 2, 3, 4, 5 and 8 divide it
_MOST = 1_000_000  # frames: 4 hours at 60 per second; their positions take 15 s to work out
_LARGEST = 1 << 20  # bytes of a file of times; a longer one is no such file


class Line(NamedTuple):
    """A line of the file: at `output` seconds, `source` is shown; None: the end of the source.

    number, file: of the line, for messages.
    """

    source: span.Place | None
    output: Fraction
    number: int
    file: str = "?"


Ramp = tuple[Line, ...]


def read_ramp(path: Path) -> Ramp:
    """The lines of a file of times, checked as far as that is possible without the source.

    Each has a place of the source (240, 10s, 1:30 or "end") and a time of the output (10s, 1:30).
    ArgumentError, with the line, for what is not understood; MediaError if there is no such file.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise MediaError(f"--times {path} cannot be read: {reason}") from error
    lines = [
        _line(path, number, words)
        for number, line in enumerate(text.splitlines(), 1)
        if (words := line.partition("#")[0].replace(",", " ").split())
    ]
    if len(lines) < 2:
        raise ArgumentError(
            f"--times {path} must have two lines or more, each with a place of the source and a "
            "time of the output, as 3s 10s"
        )
    if lines[0].output != 0:
        raise _wrong(lines[0], "the first output time must be 0s")
    for before, line in pairwise(lines):
        if line.output <= before.output:
            raise _wrong(line, "output times must rise; the source may go back")
    return tuple(lines)


def _line(path: Path, number: int, words: list[str]) -> Line:
    here = Line(None, Fraction(0), number, str(path))
    if len(words) != 2:
        raise _wrong(here, f"expected a place and a time, as 3s 10s, not {' '.join(words)!r:.60}")
    try:
        source = None if words[0] == _END else span.read_place("the place of the source", words[0])
        output = span.read_time("the output time", words[1])
    except ArgumentError as error:
        raise _wrong(here, str(error)) from error
    return here._replace(source=source, output=output)


def _wrong(line: Line, reason: str) -> ArgumentError:
    return ArgumentError(f"--times {line.file}, line {line.number}: {reason}")


def positions(ramp: Ramp, times: Times, count: int, rate: Fraction) -> list[Fraction]:
    """The position of each output frame in the source, in source frames.

    Output frame n is shown n / `rate` seconds after the first. times, count: of the source, whose
    frames are each shown until the next; `count` is its end. Between two lines, the time of the
    source moves evenly. ArgumentError for a place that lies beyond the end.
    """
    check_ramp(ramp, rate)
    total = ceil(ramp[-1].output * rate)
    ticks = times.ticks[: count + 1]
    places = _ticks_of(ramp, times, count)
    begins = [line.output for line in ramp]
    found = []
    for n in range(total):
        at = n / rate
        k = min(bisect_right(begins, at), len(ramp) - 1) - 1
        share = (at - begins[k]) / (begins[k + 1] - begins[k])
        found.append(_position(places[k] + share * (places[k + 1] - places[k]), ticks))
    return found


def check_ramp(ramp: Ramp, rate: Fraction) -> None:
    """ArgumentError if the output has too many frames. rate: frames per second."""
    total = ceil(ramp[-1].output * rate)
    if total > _MOST:
        at_most = int(_MOST / rate)
        raise _wrong(
            ramp[-1],
            f"the output must have at most {_MOST} frames, not {total}; end it at {at_most}s "
            "or before, or choose a lower rate",
        )


def places_of(ramp: Ramp, times: Times, count: int) -> list[Place]:
    """The lines in seconds of both, for sound. times, count: as of `positions`."""
    ticks = _ticks_of(ramp, times, count)
    return [Place(at * times.base, each.output) for at, each in zip(ticks, ramp, strict=True)]


def _ticks_of(ramp: Ramp, times: Times, count: int) -> list[Fraction]:
    return [_tick_of(line, times.ticks[: count + 1], times.base) for line in ramp]


def _tick_of(line: Line, ticks: Sequence[int], base: Fraction) -> Fraction:
    """When a place is shown, in ticks of the source."""
    end = ticks[-1]
    if line.source is None:
        return Fraction(end)
    frame, seconds = line.source
    at = Fraction(end) + 1
    if frame is None:
        at = ticks[0] + (seconds or 0) / base
    elif frame < len(ticks):
        at = Fraction(ticks[frame])
    if at > end:
        length = float((end - ticks[0]) * base)
        frames = counted(len(ticks) - 1, "frame")
        raise _wrong(
            line,
            f"the source ends before; it has {frames}, {length:.3f} s, and `{_END}` is its end",
        )
    return at


def _position(at: Fraction, ticks: Sequence[int]) -> Fraction:
    left = min(bisect_right(ticks, at), len(ticks) - 1) - 1
    return left + (at - ticks[left]) / (ticks[left + 1] - ticks[left])


def steps_of(found: Sequence[Fraction], num_frames: int) -> int:
    """Steps of a source frame, so that all positions are whole numbers of them, or nearly so.

    A clip has no more than 2**31 - 1 frames, and finer steps cost time in looking frames up.
    """
    most, steps = min(_STEPS, MAX_FRAMES // max(num_frames, 1)), 1
    for position in found:
        steps = lcm(steps, position.denominator)
        if steps > most:
            return most
    return steps


def picked(smooth: vs.VideoNode, numbers: Sequence[int], rate: Fraction) -> vs.VideoNode:
    """Frames of a clip in any order, at a constant rate, each for as long as the others.

    numbers: of the frames. A list is made for a window of frames when one of it is requested.
    """
    template = smooth.std.BlankClip(
        length=len(numbers), fpsnum=rate.numerator, fpsden=rate.denominator, keep=True
    )
    last: list[tuple[int, vs.VideoNode]] = []

    def window_of(n: int) -> vs.VideoNode:
        begin = n - n % _WINDOW
        if not last or last[0][0] != begin:
            last[:] = [(begin, _window(smooth, template, numbers, begin))]
        return last[0][1]

    made = template.std.FrameEval(window_of, clip_src=smooth)
    return made.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)


def _window(
    clip: vs.VideoNode, template: vs.VideoNode, numbers: Sequence[int], begin: int
) -> vs.VideoNode:
    wanted = numbers[begin : begin + _WINDOW]
    first, last = min(wanted), max(wanted)
    part = uncached(clip.std.Trim(first=first, last=last))
    chosen = uncached(
        part.std.SelectEvery(
            cycle=max(part.num_frames, 2),  # its minimum
            offsets=[k - first for k in wanted],
            modify_duration=False,
        )
    )
    return chosen if not begin else uncached(uncached(template.std.Trim(length=begin)) + chosen)
