"""Source frames and timestep of each output frame; exact, and O(1) for a constant factor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, lcm
from typing import NamedTuple, Protocol

from vsrife.checks import INT64_MAX
from vsrife.errors import ArgumentError

MAX_FRAMES = 2**31 - 1  # a VapourSynth clip cannot be longer
_LEAST_VARIABLE = Fraction(1, 500)  # below this, an output frame would request too many durations


class Position(NamedTuple):
    """Position of an output frame: `step / steps` of the way from frame `left` to frame `right`."""

    left: int
    right: int
    step: int
    steps: int
    first: bool  # no earlier output frame has the same `left`
    last: bool  # no later one

    @property
    def timestep(self) -> float:
        """0 <= timestep < 1."""
        return self.step / self.steps


class Times(Protocol):
    """When output frames are shown, see `Timeline`."""

    @property
    def num_frames(self) -> int: ...
    @property
    def jump(self) -> int: ...
    @property
    def reach(self) -> int: ...
    @property
    def end(self) -> int: ...
    def left(self, n: int | Fraction) -> int: ...
    def passed(self, n: int | Fraction) -> Fraction: ...
    def position(self, n: int) -> Position: ...
    def rate(self, source_rate: Fraction) -> Fraction: ...
    def elapsed(self, n: int, durations: Sequence[Fraction]) -> Fraction: ...
    def duration(self, n: int, durations: Sequence[Fraction]) -> Fraction: ...


@dataclass(frozen=True)
class Timeline:
    """Maps output frames to source frames for a clip of `source_frames` at `factor` times its rate.

    Output frame n lies at position n / factor of the source. After the last source frame there is
    nothing to interpolate with: the last frame repeats, with `left == right` and `step == 0`.

    variable: each source frame has its own duration; the clip's rate is ignored. num_frames: of
    the output. jump: most source frames from one output frame to the next. reach: how many source
    frames, from `left` on, `duration` needs. ArgumentError for a factor out of range.
    """

    source_frames: int
    factor: Fraction
    variable: bool = False

    num_frames: int = field(init=False, repr=False)
    jump: int = field(init=False, repr=False)
    reach: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.factor <= 0:
            raise ArgumentError(f"factor must be more than 0, not {self.factor}")
        if self.variable and self.factor < _LEAST_VARIABLE:
            raise ArgumentError(
                f"factor must be at least {_LEAST_VARIABLE} for a clip without a constant rate, "
                f"not {self.factor}; give it a rate with clip.std.AssumeFPS"
            )

        # ceil(source_frames * factor): the output lasts as long as the source. Limited to the
        # longest clip: players pass clips of 2**31 - 1 frames as "endless".
        exact = -(-self.source_frames * self.factor.numerator // self.factor.denominator)
        object.__setattr__(self, "num_frames", min(exact, MAX_FRAMES))
        object.__setattr__(self, "jump", ceil(1 / self.factor))
        object.__setattr__(self, "reach", self.jump + 1 if self.variable else 2)

    @property
    def end(self) -> int:
        """The last source frame."""
        return self.source_frames - 1

    def left(self, n: int | Fraction) -> int:
        """The source frame shown at the time of output frame n, or before it; 0 <= n."""
        return min(floor(n / self.factor), self.end)

    def position(self, n: int) -> Position:
        """Position of output frame n, 0 <= n."""
        p, q = self.factor.numerator, self.factor.denominator
        left, step = divmod(n * q, p)
        end = self.end
        first = n == 0 or min((n - 1) * q // p, end) < left
        last = n + 1 == self.num_frames or min((n + 1) * q // p, end) > left
        if left >= end:
            return Position(end, end, 0, p, left == end and first, last)
        return Position(left, left + 1 if step else left, step, p, first, last)

    def rate(self, source_rate: Fraction) -> Fraction:
        """Output frames per second; 0 if each frame has its own duration."""
        return Fraction(0) if self.variable else output_rate(source_rate, self.factor)

    def passed(self, n: int | Fraction) -> Fraction:
        """Elapsed share of the left frame's duration when output frame n begins, 0 <= ... < 1."""
        return n / self.factor - self.left(n)

    def elapsed(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        """The same in seconds. durations: see `duration`."""
        return self.passed(n) * durations[0]

    def duration(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        """Duration of output frame n. durations: of source frames from `left` on. In seconds.

        An output frame lasts until the next one begins, so the output lasts exactly as long as the
        source. At a constant rate the last frame lasts as long as all others, even if the source
        ends earlier.
        """
        if not self.variable and (self.factor < 1 or len(set(durations)) == 1):
            return durations[0] / self.factor
        begin = n / self.factor
        left = min(floor(begin), self.source_frames - 1)
        end = (n + 1) / self.factor
        if self.variable:
            end = min(end, Fraction(self.source_frames))
        total = Fraction(0)
        for k, length in enumerate(durations, left):
            until = end if k + 1 >= self.source_frames else min(end, Fraction(k + 1))
            total += max(until - max(begin, Fraction(k)), Fraction(0)) * length
        return total


class Timetable:
    """Maps output frames at a constant rate to source frames of different durations.

    Output frame n lies n / fps seconds after the first source frame. Otherwise see `Timeline`.
    """

    reach = 0  # all durations are known

    def __init__(self, durations: Iterable[Fraction], fps: Fraction) -> None:
        """durations: of all source frames, in seconds, more than 0."""
        lengths = list(durations)
        ticks = lcm(*{length.denominator for length in lengths})  # in a second
        self._starts = [0]
        for length in lengths:
            self._starts.append(self._starts[-1] + length.numerator * (ticks // length.denominator))
        self._fps, self._step = fps, ticks / fps  # ticks from one output frame to the next
        self.num_frames = min(ceil(self._starts[-1] / self._step), MAX_FRAMES)
        self.jump = ceil(self._step / min(b - a for a, b in pairwise(self._starts)))

    @property
    def end(self) -> int:
        """The last source frame."""
        return len(self._starts) - 2

    def left(self, n: int | Fraction) -> int:
        """The source frame shown at the time of output frame n, or before it; 0 <= n."""
        return bisect_right(self._starts, floor(n * self._step), hi=len(self._starts) - 1) - 1

    def position(self, n: int) -> Position:
        """Position of output frame n, 0 <= n."""
        left, end = self.left(n), self.end
        first = n == 0 or self.left(n - 1) < left
        last = n + 1 == self.num_frames or self.left(n + 1) > left
        part = self.passed(n)
        if left == end or not part:
            return Position(left, left, 0, 1, first, last)
        return Position(left, left + 1, part.numerator, part.denominator, first, last)

    def rate(self, source_rate: Fraction) -> Fraction:
        """Output frames per second."""
        return self._fps

    def passed(self, n: int | Fraction) -> Fraction:
        """Elapsed share of the left frame's duration when output frame n begins, 0 <= ... < 1."""
        left = self.left(n)
        begin, end = self._starts[left], self._starts[left + 1]
        return (n * self._step - begin) / (end - begin)

    def elapsed(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        return (n * self._step - self._starts[self.left(n)]) / (self._step * self._fps)

    def duration(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        return 1 / self._fps


def output_rate(rate: Fraction, factor: Fraction) -> Fraction:
    """`rate * factor` in frames per second; ArgumentError if it exceeds 64-bit integers."""
    result = rate * factor
    if max(result.numerator, result.denominator) > INT64_MAX:
        raise ArgumentError(
            f"the output rate {rate} * {factor} has too many digits for VapourSynth; "
            "choose a simpler factor"
        )
    return result


def as_duration(seconds: Fraction) -> tuple[int, int]:
    """A duration as numerator and denominator for frame properties.

    Exact if both fit into 64 bits; else rounded to a denominator of 31 bits.
    """
    if max(seconds.numerator, seconds.denominator) > INT64_MAX:
        seconds = seconds.limit_denominator(2**31 - 1)
    return min(seconds.numerator, INT64_MAX), seconds.denominator
