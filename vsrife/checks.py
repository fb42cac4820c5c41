"""Checks of single arguments: return the value in its own type, or raise an ArgumentError.

A kind describes the allowed values of an argument: `allowed` in words, for tables, and `read`
checks a value. Kinds are named tuples: at import they are created ten times as fast as dataclasses.
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
_DIGITS = 3  # of a rate in decimals, as people write it: 23.976 and 23.98 are 24000/1001
_OPTION = "option"  # key in the metadata of a field


def whole(name: str, value: object, least: int = 1) -> int:
    """`value` as an int of at least `least`; else ArgumentError with the argument's name."""
    if not _is_whole(value) or int(value) < least:
        raise ArgumentError(f"{name} must be at least {least} and a whole number, not {value!r}")
    return _in_range(name, int(value)).numerator


def share(name: str, value: object, hint: str) -> float:
    """`value` as a float in 0..1; else ArgumentError with the argument's name.

    hint: the last part of the message, such as what else is allowed.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ArgumentError(f"{name} must be a number between 0 and 1, not {value!r}; {hint}")
    return float(value)


def rational(name: str, value: object) -> Fraction:
    """`value`, an int, a Fraction or text such as "60000/1001" or "23.976", as a positive Fraction.

    ArgumentError for everything else, floats included: the float 59.94 is not exactly 59.94, and
    the error would grow with time.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, Rational | str):
            raise ValueError
        if isinstance(value, str) and _LONG_EXPONENT.search(value):
            raise _too_long(name)  # Fraction would compute all its digits
        result = Fraction(value)
        # numbers of numpy keep their own type in it, which no frame property takes
        result = Fraction(int(result.numerator), int(result.denominator))
    except (ValueError, ZeroDivisionError):
        result = Fraction(0)
    if result <= 0:
        is_near = isinstance(value, float) and 0 < value < INT64_MAX
        raise ArgumentError(
            f'{name} must be a positive int, Fraction or text such as "60000/1001", not {value!r}'
            + (f'; write "{float(value)}"' if is_near else "")  # type: ignore[arg-type]
        )
    return _in_range(name, result)


def read_rate(text: str) -> str:
    """A rate in text, where decimals of an NTSC rate mean that rate: 59.94 is 60000/1001."""
    whole, point, digits = text.strip().partition(".")
    if not (point and whole.isdecimal() and digits.isdecimal() and len(digits) in (2, _DIGITS)):
        return text
    near = Fraction((int(whole) + 1) * 1000, 1001)
    if round(float(near), len(digits)) == float(text):
        return f"{near.numerator}/{near.denominator}"
    return text


def frame_rate(name: str, value: object) -> Fraction:
    """As `rational`, of frames per second: see `read_rate`."""
    return rational(name, read_rate(value) if isinstance(value, str) else value)


class Kind(Protocol):
    """The allowed values of an argument."""

    @property
    def allowed(self) -> str:
        """The kind and its range, in words."""
        ...

    def read(self, name: str, value: object) -> object:
        """`value` in its own type; ArgumentError with the argument's name if it is not allowed."""
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
    """A number in 0..1. hint: the last part of the error message."""

    hint: str
    allowed: str = "0 to 1"

    def read(self, name: str, value: object) -> float:
        return share(name, value, self.hint)


class Positive(NamedTuple):
    """A positive Fraction."""

    allowed: str = 'int, Fraction or text such as "5/2"'

    def read(self, name: str, value: object) -> Fraction:
        return rational(name, value)


class Rate(NamedTuple):
    """A positive Fraction, frames per second; decimals of an NTSC rate mean that rate."""

    allowed: str = 'int, Fraction or text such as "60000/1001" or "59.94", which mean the same'

    def read(self, name: str, value: object) -> Fraction:
        return frame_rate(name, value)


class Flag(NamedTuple):
    """True or False, also as 1 or 0. words: further allowed values; more: those that say True and
    more, each of which is an option of its own on the command line, `--name-word`."""

    words: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return ", ".join(("True", "False", *(f'"{word}"' for word in (*self.words, *self.more))))

    def read(self, name: str, value: object) -> bool | str:
        if isinstance(value, str) and value in (*self.words, *self.more):
            return value
        # numpy's bool is not an Integral, but is named like Python's
        if (isinstance(value, Integral) or type(value).__name__ == "bool") and value in (0, 1):
            return bool(value)
        first, _, last = self.allowed.rpartition(", ")
        raise ArgumentError(f"{name} must be {first} or {last}, not {value!r}")


class OneOf(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(f'"{word}"' for word in self.words)

    def read(self, name: str, value: object) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        raise ArgumentError(f"{name} must be one of {', '.join(self.words)}, not {value!r}")


class Coded(NamedTuple):
    """One of several words, or its number; read as the number."""

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
    """One of several numbers. hint: which one suits which case."""

    numbers: tuple[float, ...]
    hint: str

    @property
    def allowed(self) -> str:
        return f"{', '.join(str(number) for number in self.numbers[:-1])}, or {self.numbers[-1]}"

    def read(self, name: str, value: object) -> float:
        if isinstance(value, Real) and not isinstance(value, bool) and value in self.numbers:
            return float(value)
        raise ArgumentError(f"{name} must be {self.allowed}, not {value!r}; {self.hint}")


class AmongOr(NamedTuple):
    """One of some numbers, or a word that leaves the choice open."""

    numbers: Among
    word: str

    @property
    def allowed(self) -> str:
        return f'{", ".join(str(number) for number in self.numbers.numbers)}, "{self.word}"'

    def read(self, name: str, value: object) -> float | str:
        if isinstance(value, str) and value == self.word:
            return value
        try:
            return self.numbers.read(name, value)
        except ArgumentError:
            raise ArgumentError(
                f"{name} must be one of {self.allowed}, not {value!r}; {self.numbers.hint}"
            ) from None


class Text(NamedTuple):
    """A name, which is looked up later. such: an example."""

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
    """An instance of `cls`, unchanged. allowed: the word for it."""

    cls: type
    allowed: str

    def read(self, name: str, value: object) -> Any:
        if isinstance(value, self.cls):
            return value
        given = f"{type(value).__name__}: {value!r:.100}"
        raise ArgumentError(f"{name} must be a {self.allowed}, not {given}")


class Unread(NamedTuple):
    """Any value; the caller checks it later, together with other arguments."""

    allowed: str

    def read(self, name: str, value: object) -> object:
        return value


class Option(NamedTuple):
    """The description of one argument.

    help: one line. none: the meaning of None, if it is allowed; else "".
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
        """`value`, checked; ArgumentError with the argument's name if it is not allowed."""
        return None if value is None and self.none else self.kind.read(self.name, value)


def option(kind: Kind, default: Any, group: str, text: str, *, none: str = "") -> Any:
    """A dataclass field for an argument, with its description."""
    return field(default=default, metadata={_OPTION: (kind, group, text, none)})


def options_of(cls: type) -> tuple[Option, ...]:
    """The arguments among the fields of a dataclass, in order."""
    return tuple(
        Option(each.name, kind, each.default, group, text, none)
        for each in fields(cls)
        if _OPTION in each.metadata
        for kind, group, text, none in [each.metadata[_OPTION]]
    )


def read_all(options: Sequence[Option], asked: Mapping[str, object]) -> dict[str, Any]:
    """The value of every argument, each checked alone; ArgumentError for the first wrong one."""
    return {each.name: each.read(asked[each.name]) for each in options}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _in_range[Number: (int, Fraction)](name: str, value: Number) -> Number:
    if max(value.numerator, value.denominator) > INT64_MAX:
        raise _too_long(name)
    return value


def _too_long(name: str) -> ArgumentError:
    return ArgumentError(f"{name} has too many digits; 18 suffice")
