"""stdout of a command: what cannot be written is said in words."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from vsrife.errors import MediaError
from vsrife.system.moving import WINDOWS


class _Named:
    """A stream that raises a MediaError where it cannot be written; all else is the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _naming():
            return self._stream.write(text)

    def flush(self) -> None:
        with _naming():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # who reads has seen enough
        raise
    except OSError as error:
        if WINDOWS and error.errno == errno.EINVAL:  # what Windows calls a broken pipe
            raise BrokenPipeError(*error.args) from error
        silence()
        raise MediaError(f"stdout cannot be written: {error.strerror or error}") from error


def take_all_names() -> None:
    """Let names of files be printed for which stdout's encoding has no letters.

    In UTF-8, bytes that are no letters come out as they are. Other encodings, as Windows has them
    where stdout is a file or a pipe, get \\u65e5 for a letter that they lack.
    """
    if sys.stdout.errors == "strict":
        whole = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        errors = "surrogateescape" if whole else "backslashreplace"
        sys.stdout.reconfigure(errors=errors)  # type: ignore[union-attr]


def write_utf8(text: str) -> None:
    """Text that is read as UTF-8, whatever stdout's encoding is."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    sys.stdout.write(text)


def name_failures() -> None:
    """Have failures of stdout named, for the rest of the process."""
    if not isinstance(sys.stdout, _Named):
        sys.stdout = cast(TextIO, _Named(sys.stdout))


def silence() -> None:
    """Nothing more is written, by the interpreter's end either (Python's own advice)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
