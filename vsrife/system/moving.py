"""A finished file under its own name, also where other programs look into it for a moment."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

WINDOWS = sys.platform == "win32"
_PATIENCE, _PAUSE = 2.0, 0.05  # seconds


def replace(part: Path, target: Path) -> None:
    """`os.replace`. On Windows, where it fails as long as a scanner of viruses or an indexer has
    one of both open, it is tried for two seconds."""
    patiently(lambda: os.replace(part, target))


def rename_new(part: Path, target: Path) -> None:
    """Rename `part`, for Windows: there FileExistsError if there is a `target`; as patiently."""
    patiently(lambda: os.rename(part, target))


def patiently(move: Callable[[], None]) -> None:
    """Call it, on Windows again and again for two seconds where another program is in the way."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return move()
        except PermissionError:
            if not WINDOWS or time.monotonic() > until:
                raise
        time.sleep(_PAUSE)
