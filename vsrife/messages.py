"""One voice to the user: lines on stderr, which never make the work fail.

stdout is never written to here: it may be the y4m pipe.
"""

from __future__ import annotations

import sys

PREFIX = "vsrife"


def say(text: str) -> None:
    """Write one line to stderr. A stderr that is closed, full or gone is no reason to stop."""
    try:
        if sys.stderr is not None:
            print(f"{PREFIX}: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # ValueError: closed
        pass


def note(text: str) -> None:
    """Tell the user something that is not an error."""
    say(f"note: {text}")


def error(text: str) -> None:
    """Tell the user why something failed."""
    say(f"error: {text}")


def one_line(text: str) -> str:
    """An error's text as one line. Of a traceback in it (VapourSynth adds them): its last part."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        last = max(index for index, line in enumerate(lines) if line.startswith((" ", "Traceback")))
        lines = lines[last + 1 :] or lines[-1:]
    return " ".join(" ".join(lines).split()).removeprefix("rife: ")
