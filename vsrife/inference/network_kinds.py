"""Kinds of arguments that only networks have: model, device. See `checks.Kind`."""

from __future__ import annotations

import os
from typing import NamedTuple

from vsrife.checks import Text
from vsrife.errors import ArgumentError


class Model(NamedTuple):
    allowed: str = "name or path"

    def read(self, name: str, value: object) -> str | os.PathLike[str]:
        if isinstance(value, str | os.PathLike):
            return value
        raise ArgumentError(
            f"{name} must be a name such as '4.25' or the path of a weights file, not {value!r}"
        )


class Device(NamedTuple):
    """A device's name, or those of several: a list, or text with commas."""

    one: Text = Text("cuda:1")

    @property
    def allowed(self) -> str:
        return f'{self.one.allowed}, a list of them, or text with commas: "cpu,cpu"'

    def read(self, name: str, value: object) -> str | tuple[str, ...]:
        several = value.split(",") if isinstance(value, str) else value
        if not isinstance(several, list | tuple) or len(several) == 1:
            return self.one.read(name, several[0] if isinstance(several, list | tuple) else value)
        if not several:
            raise ArgumentError(f"{name} must be {self.allowed}, not {value!r}; None chooses one")
        return tuple(self.one.read(name, each).strip() for each in several)
