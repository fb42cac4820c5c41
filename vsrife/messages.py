"""One voice to the user: lines on stderr, which never make the work fail.

stdout is never written to here: it may be the y4m pipe.
"""

from __future__ import annotations

import io
import re
import sys

PREFIX = "vsrife"


def say(text: str) -> None:
    """Write one line to stderr. A stderr that is closed, full or gone is no reason to stop."""
    Voice().write(f"{PREFIX}: {text}\n")


def note(text: str) -> None:
    """Tell the user something that is not an error."""
    say(f"note: {text}")


def error(text: str) -> None:
    """Tell the user why something failed."""
    say(f"error: {text}")


class Voice(io.TextIOBase):
    """stderr, as it is now, as a text stream that never fails: what cannot be said is lost."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except UnicodeError:
                pass
            except (OSError, ValueError):  # ValueError: closed
                self._stream = None
        return len(text)

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("there is no stderr")
        return self._stream.fileno()


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what is counted: "1 frame", "0 frames"; many: the plural, if not with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def one_line(text: str) -> str:
    """An error's text as one line. Of a traceback in it (VapourSynth adds them): its last part."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        last = max(index for index, line in enumerate(lines) if line.startswith((" ", "Traceback")))
        lines = lines[last + 1 :] or lines[-1:]
    text = " ".join(" ".join(lines).split())
    return re.sub(r"^vsrife\.errors\.\w+: ", "", text).removeprefix("rife: ")
