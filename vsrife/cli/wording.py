"""What the command line says of an error: options where the library names arguments of Python."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from vsrife.cli.examples import EXAMPLES
from vsrife.errors import ArgumentError, MediaError, alike, with_guess
from vsrife.messages import one_line

# what the library says last to those who write Python: `; None trusts every frame`
_PYTHON = re.compile(r"; None [^;]*$| or None(?=, not)")
_FETCH = re.compile(r"(?<=, or) in a script(?= say auto_download=True)")
_FETCH_ELSEWHERE = re.compile(r", or in a script say auto_download=True")  # of commands without it
# of numbers, which are text here: `a positive int, Fraction or text such as "60000/1001"`
_NUMBER = re.compile(r'int, Fraction or text such as "([^"]+)"')
_SIZE = re.compile(r"(?<=not )\((-?\d+), (-?\d+)\)")  # of the library; here sizes are WxH
_LIST = re.compile(r"[\[(]('[^']*'(?:, '[^']*')+)[\])]")  # of Python; here it is text with commas
_WORD = r"(?P<quote>['\"])(?P<word>[\w.:-]+)(?P=quote)"  # a value that needs no quotes in a shell
_BEFORE = r"(?<![\w./\\-])"
_FIRST = r"(?= must | is not | is for | is empty| has | exclude )"
_VALUE = re.compile(r"-\.?\d")  # not an option: `-5M`; argparse takes whole numbers only
_EXCLUDED = "not allowed with argument "  # how argparse begins
_NUMBERS = {"int": "a whole number", "float": "a number", "number": "a number",
            "whole number or auto": "a whole number or auto"}  # fmt: skip
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
    """An ArgumentParser that says what is wrong in one line.

    What is not understood, an unknown or missing word, ends with USAGE and names the command's own
    help. A value that is not allowed, and options that exclude each other, are an ArgumentError,
    whoever finds them. Commands refuse unknown options themselves. The parsed namespace has the
    parser of the innermost command as `parser`.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._negative_number_matcher = _VALUE
        # the end of a message about options that are unknown here
        self.hint: Callable[[list[str]], str] = lambda options: ""

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        found, rest = super().parse_known_args(*given, **named)
        if rest:
            self.error(f"unrecognized arguments: {self._unknown(rest)}")
        if not hasattr(found, "parser"):
            found.parser = self
        return found, rest

    def error(self, message: str) -> NoReturn:
        such = next((e for e in EXAMPLES.get(self._command, ()) if e.startswith(self.prog)), None)
        if " required" in message and such is not None:
            message += f"; `{such}` is an example"
        self.exit(2, f"{self.prog}: error: {one_line(message)}; see `{self.prog} --help`\n")

    @property
    def _command(self) -> str:
        return " ".join(self.prog.split()[1:2])

    def _parse_known_args(self, *given: Any, **named: Any) -> Any:
        try:
            return super()._parse_known_args(*given, **named)
        except argparse.ArgumentError as error:
            first, begin, second = error.argument_name, *error.message.partition(_EXCLUDED)[1:]
            if begin:
                raise ArgumentError(
                    f"{first} and {second} exclude each other; give one of them"
                ) from error
            raise

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if not arg_string and not isinstance(action, argparse._SubParsersAction):
            # of paths, it would be the current folder; no option takes an empty word
            raise ArgumentError(f"{_name_of(action)} is empty; is a variable of the shell not set?")
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            kind = _NUMBERS.get(getattr(action.type, "__name__", ""), "something else")
            text = f"{_name_of(action)} must be {kind}, not {arg_string!r}"
            raise ArgumentError(one_line(text)) from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            known = [str(each) for each in action.choices or ()]
            near = alike(str(value), known)
            if isinstance(action, argparse._SubParsersAction):  # an unknown command
                error.message += near
                raise
            text = f"{_name_of(action)} must be one of {', '.join(known)}, not {value!r}{near}"
            raise ArgumentError(one_line(text)) from error

    def _unknown(self, rest: list[str]) -> str:
        """What is not known, as options if there are any: words after them may be their values."""
        options = [word.partition("=")[0] for word in rest if word.startswith("-")]
        known = list(self._option_string_actions)
        near = alike(options[0], known) if len(options) == 1 else ""
        if not options:  # `--protect auto`, where rife() has protect="auto", is --protect-auto
            joined = [name for name in known for word in rest if name.endswith(f"-{word}")]
            near = f"; did you mean {' or '.join(joined)}?" if joined else ""
        return " ".join(options or rest) + (near or self.hint(options))


def of(error: Exception, parser: argparse.ArgumentParser | None) -> str:
    """One line for an error. parser: of the command that failed, if it got so far."""
    if isinstance(error, OSError) and error.filename is not None:
        name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "?"
        return f"{name} cannot be read or written: {error.strerror or error}"
    text = one_line(str(error))
    if parser is None:
        return text
    names = _names(parser)
    if isinstance(error, MediaError):  # of files, which may be called anything
        said, end, way_out = text.rpartition("; ")
        return said + end + _flags(way_out, names)
    return as_options(with_guess(text), names, _with_words(parser))


def as_options(text: str, names: Mapping[str, str], with_words: Collection[str] = ()) -> str:
    """A message about arguments, such as "threads=2 is not for ...", with options in their place.

    names: argument -> option, or the name in capitals of one that has none. with_words: arguments
    that are True and False in Python, and yes and no here.
    """
    text = _NUMBER.sub(r"number such as \1", _PYTHON.sub("", text))
    text = _SIZE.sub(r"\1x\2", text)
    text = (_FETCH if "auto_download" in names else _FETCH_ELSEWHERE).sub("", text)
    text = _LIST.sub(lambda found: found[1].replace("'", "").replace(", ", ","), text)
    for name, option in names.items():
        if name not in text and f"{option} " not in text:
            continue  # render has 500 patterns, which are not compiled for every message
        if name in with_words:
            text = re.sub(rf"{_BEFORE}{name}=True\b", f"{option} yes", text)
            text = re.sub(rf"{_BEFORE}{name}=False\b", f"{option} no", text)
            text = re.sub(rf"^{name} must be True, False\b", f"{name} must be yes, no", text)
        elif option.startswith("--"):
            text = re.sub(rf"{_BEFORE}{name}=False\b", f"--no-{option[2:]}", text)
        text = re.sub(rf"{_BEFORE}{name}={_WORD}", rf"{option} \g<word>", text)
        text = re.sub(rf"{_BEFORE}{name}=None\b", f"{option} none", text)
        text = re.sub(rf"{_BEFORE}{name}=(?:True\b)?", f"{option} ", text)
        text = re.sub(rf"{option} (?=[\s;,:]|$)", option, text)
        if option.startswith("-"):
            anywhere = rf"{_BEFORE}{name}\b" if "_" in name else rf"^{name}{_FIRST}"
            text = re.sub(anywhere, option, text)
    return text


def _flags(text: str, names: Mapping[str, str]) -> str:
    """`overwrite=True` and its like as options, and nothing else."""
    for name, option in names.items():
        if name in text:
            text = re.sub(rf"{_BEFORE}{name}=True\b", option, text)
    return text


def given(args: argparse.Namespace) -> dict[str, str]:
    """What of a command line, `args` of its `parser`, is not as by default: name and option."""
    return {
        action.dest: _name_of(action)
        for action in args.parser._actions
        if getattr(args, action.dest, action.default) != action.default
    }


def _names(parser: argparse.ArgumentParser) -> dict[str, str]:
    found = {action.dest: _name_of(action) for action in parser._actions}
    if "models" in found:  # of commands that take several
        found.setdefault("model", found["models"])
    return found


def _name_of(action: argparse.Action) -> str:
    """`--count` of `-n, --count`, and `--trt` of `--trt, --no-trt`."""
    if action.option_strings:
        long = [each for each in action.option_strings if each.startswith("--")]
        return (long or action.option_strings)[0]
    return action.metavar if isinstance(action.metavar, str) else action.dest.upper()


def _with_words(parser: argparse.ArgumentParser) -> set[str]:
    """Options that take a word: `--sc yes`; the others of that kind are `--trt` and `--no-trt`."""
    return {each.dest for each in parser._actions if each.option_strings and each.nargs != 0}
