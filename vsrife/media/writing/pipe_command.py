"""The command line of a program that encodes: its words, without any shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from vsrife.errors import ArgumentError

OUT = "{out}"
_BRACES = re.compile(r"\{(\w+)\}")
_SHELL = ("|", "||", ">", ">>", "<", "&", "&&", ";", "2>", "2>&1")
# Windows runs these through its shell, which reads the words once more
_SCRIPTS = (".bat", ".cmd")


def words(command: str, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """The words of `command`, with the program's whole path; {out} stays.

    Quotes keep a word together; a backslash is an escape except on Windows, where it separates
    folders. ArgumentError if it is no single program that exists, or has no {out}.
    """
    split = _split(command, windows)
    if not split:
        raise ArgumentError(f'--pipe must be a command line, as "x264 --demuxer y4m - -o {OUT}"')
    shell = next((word for word in split if word in _SHELL), None)
    if shell is not None:
        raise ArgumentError(
            f"--pipe runs one program, without a shell; {shell!r} would be a word of it. A script "
            "of your own can hold several programs"
        )
    if not any(OUT in word for word in split[1:]):
        raise ArgumentError(f"--pipe must contain {OUT}, the file that the program writes")
    program = shutil.which(split[0])
    if program is None:
        raise ArgumentError(
            f"--pipe: there is no program {split[0]!r}; install it or give its path"
        )
    if windows and Path(program).suffix.lower() in _SCRIPTS:
        raise ArgumentError(f"pipe: {program} would run in a shell; give a program (.exe)")
    return (str(Path(program).absolute()), *split[1:])


def _split(command: str, windows: bool) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if windows:
        lexer.escape = ""
    try:
        return list(lexer)
    except ValueError as error:  # an open quote
        raise ArgumentError(f"pipe {command!r} is not complete: {error}") from error


def filled(command: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """The words with {out} and so on replaced, each word for itself: a name may hold anything."""
    # at once: what is filled in may hold braces itself
    return [_BRACES.sub(lambda found: values.get(found[1], found[0]), word) for word in command]
