"""What the command line says of an error: options where the library names arguments of Python."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import Any

from vsrife.errors import MediaError
from vsrife.messages import one_line

# what the library says last to those who write Python: `; None trusts every frame`
_PYTHON = re.compile(r"; None [^;]*$| or None(?=, not)")
_BEFORE = r"(?<![\w./\\-])"
_FIRST = r"(?= must | is not | is for | has nothing | exclude )"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose commands refuse unknown options themselves, with their own usage.

    The parsed namespace has the parser of the innermost command as `parser`.
    """

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        found, rest = super().parse_known_args(*given, **named)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        if not hasattr(found, "parser"):
            found.parser = self
        return found, rest


def of(error: Exception, parser: argparse.ArgumentParser | None) -> str:
    """One line for an error. parser: of the command that failed, if it got so far."""
    if isinstance(error, OSError) and error.filename is not None:
        name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "?"
        return f"{name} cannot be read or written: {error.strerror or error}"
    text = one_line(str(error))
    # of files, which may be called anything
    if parser is None or isinstance(error, MediaError):
        return text
    return as_options(text, _names(parser))


def as_options(text: str, names: Mapping[str, str]) -> str:
    """A message about arguments, such as "threads=2 is not for ...", with options in their place.

    names: argument -> option, or the name in capitals of one that has none.
    """
    text = _PYTHON.sub("", text)
    for name, option in names.items():
        text = re.sub(rf"{_BEFORE}{name}=(?:True\b)?", f"{option} ", text)
        text = re.sub(rf"{option} (?=[\s;,:]|$)", option, text)
        if option.startswith("-"):
            anywhere = rf"{_BEFORE}{name}\b" if "_" in name else rf"^{name}{_FIRST}"
            text = re.sub(anywhere, option, text)
    return text


def _names(parser: argparse.ArgumentParser) -> dict[str, str]:
    return {
        action.dest: max(action.option_strings, key=len, default=action.dest.upper())
        for action in parser._actions
    }
