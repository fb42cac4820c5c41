"""A part of a film: from one frame or time to another, exactly."""

from __future__ import annotations

import re
from bisect import bisect_left
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

from vsrife.errors import ArgumentError
from vsrife.media.timestamps import Times

_CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)([0-5]?\d(?:\.\d+)?)", re.ASCII)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s", re.ASCII)
_FRAME = re.compile(r"\d+", re.ASCII)
_TIMES = "a time as 10s, 1:30 or 0:01:30.5"
_ALLOWED = f"a frame's number as 240, or {_TIMES}"


class Place(NamedTuple):
    """A place in a film: the number of a source frame, or seconds from the first one."""

    frame: int | None
    seconds: Fraction | None = None

    def __str__(self) -> str:
        return f"{float(self.seconds or 0):g}s" if self.frame is None else str(self.frame)

    def frame_of(self, times: Times) -> int:
        """The first source frame that is shown here or later; the number of frames: none is."""
        count = len(times.ticks) - 1
        if self.frame is not None:
            return min(self.frame, count)
        at = times.ticks[0] + (self.seconds or 0) / times.base
        return bisect_left(times.ticks, at, hi=count)

    def is_beyond(self, times: Times) -> bool:
        """Whether this lies after the end of the film's last frame."""
        if self.frame is not None:
            return self.frame >= len(times.ticks)
        return (self.seconds or 0) > _length(times)


class Span(NamedTuple):
    """Source frames from `start` on, up to but without `end`, or of that `length`."""

    start: Place | None = None
    end: Place | None = None
    length: Place | None = None

    @property
    def whole(self) -> bool:
        return self == WHOLE

    def frames(self, times: Times) -> tuple[int, int]:
        """First source frame, and first one after the span. ArgumentError for fewer than one."""
        total = len(times.ticks) - 1
        first = 0 if self.start is None else self.start.frame_of(times)
        end = self._end(first, times).frame_of(times)
        if first >= end:
            length = float(_length(times))
            given = {"--start": self.start, "--end": self.end, "--count": self.length}
            told = " and ".join(f"{name} {place}" for name, place in given.items() if place)
            raise ArgumentError(
                f"{told} must leave a frame, not frames {first} to {end} of {total} "
                f"({length:.3f} s); choose a later end or an earlier start"
            )
        return first, end

    def is_cut(self, times: Times) -> bool:
        """Whether the film ends before the span does."""
        first = 0 if self.start is None else self.start.frame_of(times)
        return self._end(first, times).is_beyond(times)

    def _end(self, first: int, times: Times) -> Place:
        """Where the span ends, if it begins with that frame."""
        if self.end is not None:
            return self.end
        if self.length is None:
            return Place(len(times.ticks) - 1)
        if self.length.frame is not None:
            return Place(first + self.length.frame)
        begin = (times.ticks[first] - times.ticks[0]) * times.base
        return Place(None, begin + (self.length.seconds or 0))


WHOLE = Span()


def _length(times: Times) -> Fraction:
    """Seconds from the first frame's begin to the last one's end."""
    return (times.ticks[-1] - times.ticks[0]) * times.base


def read_place(name: str, text: str) -> Place:
    """A place or a length from text; ArgumentError with the option's name."""
    if _FRAME.fullmatch(text):
        return Place(int(text[:18]))
    if found := _SECONDS.fullmatch(text):
        return Place(None, Fraction(found[1]))
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return Place(None, int(hours or 0) * 3600 + int(minutes) * 60 + Fraction(seconds))
    raise ArgumentError(f"{name} must be {_ALLOWED}, not {text!r:.100}")


def read_time(name: str, text: str) -> Fraction:
    """Seconds from text; ArgumentError with the name for what is no time. A plain 0 is clear."""
    seconds = Fraction(0) if not text.strip("0") else None
    with suppress(ArgumentError):
        seconds = read_place(name, text).seconds if seconds is None else seconds
    if seconds is None:
        hint = f"; {text}s is one" if _FRAME.fullmatch(text) else ""
        raise ArgumentError(f"{name} must be {_TIMES}, not {text!r:.100}{hint}")
    return seconds


def read_span(start: str | None, end: str | None, count: str | None) -> Span:
    """A part from the texts of its options; ArgumentError for what cannot be read."""
    if end is not None and count is not None:
        raise ArgumentError("--end and --count exclude each other; give one of them")
    given = (("start", start), ("end", end), ("count", count))
    return Span(*(None if text is None else read_place(name, text) for name, text in given))
