"""Which source frames stand around an output frame, and where between them: exact and O(1)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational
from typing import NamedTuple

from vsrife.errors import ArgumentError

MAX_FRAMES = 2**31 - 1  # a VapourSynth clip cannot be longer
_INT64_MAX = 2**63 - 1  # frame rates and durations are pairs of these


class Place(NamedTuple):
    """An output frame: `step / steps` of the way from source frame `left` to `right`."""

    left: int
    right: int
    step: int
    steps: int
    first: bool  # no earlier output frame has the same `left`
    last: bool  # no later one

    @property
    def timestep(self) -> float:
        return self.step / self.steps


@dataclass(frozen=True)
class Timeline:
    """Maps output frames to source frames for a clip of `source_frames` at `factor` times its rate.

    Output frame n stands at position n / factor of the source. Past the last source frame there is
    nothing to interpolate with: there `left == right` and `step == 0`, the last frame repeated.
    """

    source_frames: int
    factor: Fraction

    def __post_init__(self) -> None:
        if self.factor <= 0:
            raise ArgumentError(f"factor must be more than 0, not {self.factor}")

    @property
    def num_frames(self) -> int:
        """ceil(source_frames * factor), so that the output lasts as long as the source.

        Cut at what a clip can hold: players hand over clips of 2**31 - 1 frames for "endless".
        """
        exact = -(-self.source_frames * self.factor.numerator // self.factor.denominator)
        return min(exact, MAX_FRAMES)

    def place(self, n: int) -> Place:
        """Where output frame n (0 <= n) stands."""
        p, q = self.factor.numerator, self.factor.denominator
        left, step = divmod(n * q, p)
        end = self.source_frames - 1
        first = n == 0 or min((n - 1) * q // p, end) < left
        last = n + 1 == self.num_frames or min((n + 1) * q // p, end) > left
        if left >= end:
            return Place(end, end, 0, p, left == end and first, last)
        return Place(left, left + 1 if step else left, step, p, first, last)


def whole(name: str, value: object, least: int = 1) -> int:
    """`value` if it is an int of at least `least`; ArgumentError naming the argument if not."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ArgumentError(f"{name} must be at least {least} and a whole number, not {value!r}")
    return _in_range(name, int(value)).numerator


def rational(name: str, value: object) -> Fraction:
    """`value`, an int, a Fraction or text such as "60000/1001" or "23.976", as a positive Fraction.

    Floats are refused: 59.94 as a float is what nobody means, and the error would grow with time.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, Rational | str):
            raise ValueError
        result = Fraction(value)
    except (ValueError, ZeroDivisionError):
        result = Fraction(0)
    if result <= 0:
        raise ArgumentError(
            f'{name} must be a positive int, Fraction or text such as "60000/1001", not {value!r}'
        )
    return _in_range(name, result)


def _in_range[Number: (int, Fraction)](name: str, value: Number) -> Number:
    if max(value.numerator, value.denominator) > _INT64_MAX:
        raise ArgumentError(
            f"{name} has too many digits for VapourSynth; 18 are enough for anything"
        )
    return value


def output_rate(rate: Fraction, factor: Fraction) -> Fraction:
    """`rate * factor` in frames per second; ArgumentError if its digits are too many."""
    result = rate * factor
    if max(result.numerator, result.denominator) > _INT64_MAX:
        raise ArgumentError(
            f"the output rate {rate} * {factor} has too many digits for VapourSynth; "
            "choose a simpler factor"
        )
    return result


def scaled_duration(numerator: int, denominator: int, factor: Fraction) -> tuple[int, int]:
    """A source frame's duration (a fraction of a second) shared by `factor` output frames.

    Exact, but for fractions too long for frame properties, which are rounded to 32 bits.
    """
    exact = Fraction(numerator, denominator) / factor
    if max(exact.numerator, exact.denominator) > _INT64_MAX:
        exact = exact.limit_denominator(2**31 - 1)
    return min(exact.numerator, _INT64_MAX), exact.denominator
