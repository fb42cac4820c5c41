"""What the command line says of an error: options where the library names arguments of Python."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from vsrife.errors import MediaError
from vsrife.messages import one_line

# what the library says last to those who write Python: `; None trusts every frame`
_PYTHON = re.compile(r"; None [^;]*$| or None(?=, not)")
_SIZE = re.compile(r"(?<=not )\((-?\d+), (-?\d+)\)")  # of the library; here sizes are WxH
_LIST = re.compile(r"[\[(]('[^']*'(?:, '[^']*')+)[\])]")  # of Python; here it is text with commas
_BEFORE = r"(?<![\w./\\-])"
_FIRST = r"(?= must | is not | is for | has nothing | exclude )"


_LONG = 40  # characters: longer placeholders would not fit beside their option in 80 columns


class HelpFormatter(argparse.HelpFormatter):
    """Help that fits the terminal: paragraphs are filled, tables and examples stay as they are.

    Where choices are too many for the usage line, they stand in the option's help.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(
            _table(part, width) if "\n  " in f"\n{part}" else fill(part, width, indent)
            for part in text.split("\n\n")
        )

    def _metavar_formatter(self, action: argparse.Action, default_metavar: str) -> Any:
        words = super()._metavar_formatter(action, default_metavar)
        if not action.option_strings or len(str(words(1)[0])) <= _LONG:
            return words
        return lambda size: (action.dest.rpartition("_")[2].upper(),) * size

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = super()._get_help_string(action)
        choices = ", ".join(map(str, action.choices or ()))
        if action.metavar is None and len(choices) > _LONG - 2 and action.option_strings:
            return f"{choices}; {text}" if text else choices
        return text


def _table(text: str, width: int) -> str:
    """Lines as they are; what is too long goes on below the line's second column."""
    found = []
    for line in text.split("\n"):
        column = re.match(r" *(\S+( \S+)* {2,})?", line)
        below = " " * (column.end() if column else 0)
        found += textwrap.wrap(line, width, subsequent_indent=below, drop_whitespace=True) or [""]
    return "\n".join(found)


def groups_of(parser: argparse.ArgumentParser) -> list[argparse._ArgumentGroup]:
    """The groups of options that have any."""
    return [group for group in parser._action_groups if group._group_actions]


def about_groups(parser: argparse.ArgumentParser, name: str) -> str | None:
    """The end of the help of a command with several groups of options: their names."""
    titles = [str(group.title) for group in groups_of(parser)]
    if len(titles) <= 2:
        return None
    return f"`vsrife help {name} GROUP` prints one of these groups alone: {', '.join(titles)}."


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
    if parser is None:
        return text
    if isinstance(error, MediaError):  # of files, which may be called anything
        said, end, way_out = text.rpartition("; ")
        return said + end + _flags(way_out, _names(parser))
    return as_options(text, _names(parser))


def as_options(text: str, names: Mapping[str, str]) -> str:
    """A message about arguments, such as "threads=2 is not for ...", with options in their place.

    names: argument -> option, or the name in capitals of one that has none.
    """
    text = _SIZE.sub(r"\1x\2", _PYTHON.sub("", text))
    text = _LIST.sub(lambda found: found[1].replace("'", "").replace(", ", ","), text)
    for name, option in names.items():
        text = re.sub(rf"{_BEFORE}{name}=(?:True\b)?", f"{option} ", text)
        text = re.sub(rf"{option} (?=[\s;,:]|$)", option, text)
        if option.startswith("-"):
            anywhere = rf"{_BEFORE}{name}\b" if "_" in name else rf"^{name}{_FIRST}"
            text = re.sub(anywhere, option, text)
    return text


def _flags(text: str, names: Mapping[str, str]) -> str:
    """`overwrite=True` and its like as options, and nothing else."""
    for name, option in names.items():
        text = re.sub(rf"{_BEFORE}{name}=True\b", option, text)
    return text


def _names(parser: argparse.ArgumentParser) -> dict[str, str]:
    return {
        action.dest: max(action.option_strings, key=len, default=action.dest.upper())
        for action in parser._actions
    }
