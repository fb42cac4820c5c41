"""Checks of single arguments: the value in its own type, or an ArgumentError that names it.

A kind says what an argument may be: `allowed` in words, for tables, and `read` for a value. Kinds
are named tuples, which are made ten times as fast as dataclasses when this is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any, NamedTuple, Protocol, TypeGuard

from vsrife.errors import ArgumentError

INT64_MAX = 2**63 - 1  # frame rates and durations are pairs of these
_LONG_EXPONENT = re.compile(r"[eE][+-]?\d(?:_?\d){3}")
_OPTION = "option"  # key in the metadata of a field


def whole(name: str, value: object, least: int = 1) -> int:
    """`value` if it is an int of at least `least`; ArgumentError naming the argument if not."""
    if not _is_whole(value) or int(value) < least:
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


class Kind(Protocol):
    """What an argument may be."""

    @property
    def allowed(self) -> str:
        """The kind and its range, in words."""
        ...

    def read(self, name: str, value: object) -> object:
        """`value` in its own type; ArgumentError that names the argument if it is none."""
        ...


class Whole(NamedTuple):
    """A whole number from `least` to `most`, both included."""

    least: int = 1
    most: int | None = None

    @property
    def allowed(self) -> str:
        return (
            f"int, at least {self.least}" if self.most is None else f"{self.least} to {self.most}"
        )

    def read(self, name: str, value: object) -> int:
        if self.most is None:
            return whole(name, value, self.least)
        if _is_whole(value) and value > self.most:
            raise ArgumentError(
                f"{name} must be at most {self.most}, not {value!r}; {self.least} is the least"
            )
        try:
            return whole(name, value, self.least)
        except ArgumentError as error:
            raise ArgumentError(f"{error}; {self.most} is the most") from None


class Share(NamedTuple):
    """A number in 0..1. hint: the way out for who has another one."""

    hint: str
    allowed: str = "0 to 1"

    def read(self, name: str, value: object) -> float:
        return share(name, value, self.hint)


class Positive(NamedTuple):
    """A positive ratio, exact."""

    allowed: str = 'int, Fraction or text such as "5/2"'

    def read(self, name: str, value: object) -> Fraction:
        return rational(name, value)


class Flag(NamedTuple):
    """True or False, also as 1 or 0. words: text that it takes besides."""

    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return ", ".join(("True", "False", *(f'"{word}"' for word in self.words)))

    def read(self, name: str, value: object) -> bool | str:
        if isinstance(value, str) and value in self.words:
            return value
        # numpy's bool is no Integral, and has the name of Python's
        if (isinstance(value, Integral) or type(value).__name__ == "bool") and value in (0, 1):
            return bool(value)
        first, _, last = self.allowed.rpartition(", ")
        raise ArgumentError(f"{name} must be {first} or {last}, not {value!r}")


class OneOf(NamedTuple):
    """One of some words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(f'"{word}"' for word in self.words)

    def read(self, name: str, value: object) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        raise ArgumentError(f"{name} must be one of {', '.join(self.words)}, not {value!r}")


class Coded(NamedTuple):
    """One of some words, or the number that stands for it; read as the number."""

    numbers: Mapping[str, int]

    @property
    def allowed(self) -> str:
        return ", ".join(f'"{word}" ({number})' for word, number in self.numbers.items())

    def read(self, name: str, value: object) -> int:
        if isinstance(value, str) and value in self.numbers:
            return self.numbers[value]
        if _is_whole(value) and value in self.numbers.values():
            return int(value)
        raise ArgumentError(f"{name} must be one of {self.allowed}, not {value!r}")


class Among(NamedTuple):
    """One of some numbers. hint: which suits what."""

    numbers: tuple[float, ...]
    hint: str

    @property
    def allowed(self) -> str:
        return f"{', '.join(str(number) for number in self.numbers[:-1])}, or {self.numbers[-1]}"

    def read(self, name: str, value: object) -> float:
        if isinstance(value, Real) and not isinstance(value, bool) and value in self.numbers:
            return float(value)
        raise ArgumentError(f"{name} must be {self.allowed}, not {value!r}; {self.hint}")


class Text(NamedTuple):
    """A name, whose meaning is checked later. such: an example."""

    such: str

    @property
    def allowed(self) -> str:
        return f'a name such as "{self.such}"'

    def read(self, name: str, value: object) -> str:
        if isinstance(value, str) and value.strip():
            return value
        raise ArgumentError(f'{name} must be a name, not {value!r}; "{self.such}" is one')


class Folder(NamedTuple):
    """A folder's path."""

    allowed: str = "a folder's path"

    def read(self, name: str, value: object) -> str:
        if isinstance(value, str | os.PathLike) and os.fspath(value):
            return os.fsdecode(value)
        raise ArgumentError(f"{name} must be {self.allowed} or None, not {value!r}")


class Size(NamedTuple):
    """Width and height in pixels."""

    allowed: str = "a list with 2 items, width and height"

    def read(self, name: str, value: object) -> tuple[int, int]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise ArgumentError(f"{name} must be {self.allowed}, not {value!r}")
        return whole(name, value[0]), whole(name, value[1])


class Instance(NamedTuple):
    """An object of some class, as it is. allowed: the word for it."""

    cls: type
    allowed: str

    def read(self, name: str, value: object) -> Any:
        if isinstance(value, self.cls):
            return value
        given = f"{type(value).__name__}: {value!r:.100}"
        raise ArgumentError(f"{name} must be a {self.allowed}, not {given}")


class Unread(NamedTuple):
    """Whatever it is, it is read later, since that takes more than the value."""

    allowed: str

    def read(self, name: str, value: object) -> object:
        return value


class Option(NamedTuple):
    """All that is said about one argument.

    help: one line; none: what None means, where it is allowed besides.
    """

    name: str
    kind: Kind
    default: object
    group: str
    help: str
    none: str

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, None" if self.none else self.kind.allowed

    def read(self, value: object) -> object:
        """`value`, checked; ArgumentError that names the argument if it cannot be."""
        return None if value is None and self.none else self.kind.read(self.name, value)


def option(kind: Kind, default: Any, group: str, text: str, *, none: str = "") -> Any:
    """A dataclass field for an argument, with what is said about it."""
    return field(default=default, metadata={_OPTION: (kind, group, text, none)})


def options_of(cls: type) -> tuple[Option, ...]:
    """The arguments among the fields of a dataclass, in their order."""
    return tuple(
        Option(each.name, kind, each.default, group, text, none)
        for each in fields(cls)
        if _OPTION in each.metadata
        for kind, group, text, none in [each.metadata[_OPTION]]
    )


def read_all(options: Sequence[Option], asked: Mapping[str, object]) -> dict[str, Any]:
    """The value of every argument, checked by itself; the first that is wrong is an error."""
    return {each.name: each.read(asked[each.name]) for each in options}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _in_range[Number: (int, Fraction)](name: str, value: Number) -> Number:
    if max(value.numerator, value.denominator) > INT64_MAX:
        raise _too_long(name)
    return value


def _too_long(name: str) -> ArgumentError:
    return ArgumentError(f"{name} has too many digits for VapourSynth; 18 are enough for anything")
