"""Checks of arguments that only interpolate() has; see `vsrife.checks.Kind`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from numbers import Real
from typing import Any, NamedTuple

from vsrife import checks
from vsrife.errors import ArgumentError

_NEAR = Fraction(1, 10**9)  # floats that miss a frame by less mean this frame: 0.1 * 30


def as_time(value: object) -> Fraction | None:
    """A finite number of at least 0 as a Fraction; None for everything else."""
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        return None
    # numbers of numpy keep their own type in a Fraction, and its half floats are no floats
    exact = Fraction(value) if isinstance(value, int | Fraction) else Fraction(float(value))
    if isinstance(value, int | Fraction) or abs(exact - round(exact)) >= _NEAR:
        return exact if exact >= 0 else None
    return Fraction(max(round(exact), 0))


class Factor(NamedTuple):
    """A positive Fraction, or whole numbers of at least 1, one for each pair."""

    allowed: str = 'int, Fraction or text such as "5/2", or a list of whole numbers'

    def read(self, name: str, value: object) -> Fraction | tuple[int, ...]:
        items = _listed(value)
        if items is None:
            return checks.rational(name, value)
        return tuple(checks.whole(f"{name}[{k}]", item) for k, item in enumerate(items))


class Timesteps(NamedTuple):
    """Numbers between 0 and 1, each more than the one before."""

    allowed: str = "a list of numbers above 0 and below 1 that rise, such as [0.25, 0.5, 0.75]"

    def read(self, name: str, value: object) -> tuple[Fraction, ...]:
        items = _listed(value)
        found = [None] if items is None else [as_time(item) for item in items]
        times = [time for time in found if time is not None and 0 < time < 1]
        if len(times) < len(found) or any(b <= a for a, b in pairwise(times)):
            raise ArgumentError(f"{name} must be {self.allowed}, not {value!r:.100}")
        return tuple(times)


class Times(NamedTuple):
    """Numbers of at least 0 that never fall, or a function that gives them."""

    allowed: str = "a list of numbers from 0 on that never fall, or a function"

    def read(self, name: str, value: object) -> tuple[Fraction, ...] | Callable[[int], object]:
        if callable(value):
            return value
        items = _listed(value)
        if items is None or not items:
            raise ArgumentError(f"{name} must be {self.allowed}, not {value!r:.100}")
        found: list[Fraction] = []
        for k, item in enumerate(items):
            time = as_time(item)
            if time is None or (found and time < found[-1]):
                before = f", after {found[-1]!s}" if found else ""
                raise ArgumentError(
                    f"{name} must be {self.allowed}; {name}[{k}] is {item!r}{before}"
                )
            found.append(time)
        return tuple(found)


class Range(NamedTuple):
    """The values of black and white."""

    allowed: str = "a pair (black, white), such as (0, 1), (-1, 1) or (0, 255)"

    def read(self, name: str, value: object) -> tuple[float, float]:
        items = _listed(value)
        if items is not None and len(items) == 2:
            low, high = items
            numbers = all(isinstance(x, Real) and not isinstance(x, bool) for x in items)
            if numbers and math.isfinite(low) and math.isfinite(high) and low < high:
                return float(low), float(high)
        raise ArgumentError(f"{name} must be {self.allowed}, not {value!r:.100}")


def _listed(value: object) -> list[Any] | None:
    """The items of a list, a tuple, a range or an array; None for what is none of these."""
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
        return None
    if not hasattr(value, "__len__"):
        return None  # a generator would be used up by reading it
    try:
        return list(value)
    except TypeError:  # an array without axes
        return None
