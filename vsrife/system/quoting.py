"""Words of a command that is shown, as the shell of this system takes them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable


def quoted(word: str, *, windows: bool = os.name == "nt") -> str:
    """A word for sh, or for cmd and PowerShell."""
    if not windows:
        return shlex.quote(word)
    return f'"{word}"' if not word or re.search(r"[^\w@%+=:,./\\~-]", word) else word


def command_line(words: Iterable[str], *, windows: bool = os.name == "nt") -> str:
    return " ".join(quoted(word, windows=windows) for word in words)
