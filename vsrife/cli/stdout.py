"""stdout of a command: what cannot be written is said in words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from vsrife.errors import MediaError


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
        silence()
        raise MediaError(f"stdout cannot be written: {error.strerror or error}") from error


def name_failures() -> None:
    """Have failures of stdout named, for the rest of the process."""
    if not isinstance(sys.stdout, _Named):
        sys.stdout = cast(TextIO, _Named(sys.stdout))


def silence() -> None:
    """Nothing more is written, by the interpreter's end either (Python's own advice)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
