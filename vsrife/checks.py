"""Checks of single arguments: the value in its own type, or an ArgumentError that names it."""

from __future__ import annotations

import re
from fractions import Fraction
from numbers import Integral, Rational, Real

from vsrife.errors import ArgumentError

INT64_MAX = 2**63 - 1  # frame rates and durations are pairs of these
_LONG_EXPONENT = re.compile(r"[eE][+-]?\d(?:_?\d){3}")


def whole(name: str, value: object, least: int = 1) -> int:
    """`value` if it is an int of at least `least`; ArgumentError naming the argument if not."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ArgumentError(f"{name} must be at least {least} and a whole number, not {value!r}")
    return _in_range(name, int(value)).numerator


def share(name: str, value: object, hint: str) -> float:
    """`value` as a float if it is a number in 0..1; ArgumentError naming the argument if not.

    hint: what the argument takes besides numbers, or another way out.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ArgumentError(f"{name} must be a number between 0 and 1, not {value!r}; {hint}")
    return float(value)


def rational(name: str, value: object) -> Fraction:
    """`value`, an int, a Fraction or text such as "60000/1001" or "23.976", as a positive Fraction.

    Floats are refused: 59.94 as a float is what nobody means, and the error would grow with time.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, Rational | str):
            raise ValueError
        if isinstance(value, str) and _LONG_EXPONENT.search(value):
            raise _too_long(name)  # Fraction would write out all of its zeros
        result = Fraction(value)
    except (ValueError, ZeroDivisionError):
        result = Fraction(0)
    if result <= 0:
        raise ArgumentError(
            f'{name} must be a positive int, Fraction or text such as "60000/1001", not {value!r}'
        )
    return _in_range(name, result)


def _in_range[Number: (int, Fraction)](name: str, value: Number) -> Number:
    if max(value.numerator, value.denominator) > INT64_MAX:
        raise _too_long(name)
    return value


def _too_long(name: str) -> ArgumentError:
    return ArgumentError(f"{name} has too many digits for VapourSynth; 18 are enough for anything")
