"""What is said while files are rendered: each note once, and all of it in a log if one is kept."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from vsrife.messages import PREFIX, one_line

_ONCE = (f"{PREFIX}: note: ", f"{PREFIX}: hint: ")


class Told(io.TextIOBase):
    """stderr, where a line of ours goes into `log` as well, and notes and hints come only once."""

    def __init__(self, stream: IO[str] | None, log: IO[str] | None) -> None:
        self._stream, self._log = stream, log
        self._notes: set[str] = set()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if text.startswith(_ONCE):
            if text in self._notes:
                return len(text)
            self._notes.add(text)
        if text.startswith(f"{PREFIX}: "):  # not the bar's moves of the cursor
            self.record(text.removeprefix(f"{PREFIX}: "))
        return len(text) if self._stream is None else self._stream.write(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("there is no stderr")
        return self._stream.fileno()

    def forget(self) -> None:
        """Another file begins: its notes are its own."""
        self._notes.clear()

    def record(self, text: str) -> None:
        """Write a line into the log, on the disk at once: a crash must not take it along."""
        if self._log is None:
            return
        with suppress(OSError, ValueError):  # a full disk is no reason to stop
            self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text.rstrip()}\n")
            self._log.flush()
            os.fsync(self._log.fileno())


@contextmanager
def told(log: Path | None) -> Iterator[Told]:
    """Say notes once, and keep a log. OSError if the log cannot be opened; it is added to."""
    before = sys.stderr
    file = None if log is None else log.open("a", encoding="utf-8", errors="backslashreplace")
    stream = Told(before, file)
    sys.stderr = stream
    try:
        yield stream
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        stream.record("interrupted" if interrupted else f"error: {one_line(str(error))}")
        raise
    finally:
        sys.stderr = before
        if file is not None:
            file.close()
