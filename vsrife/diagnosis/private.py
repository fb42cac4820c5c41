"""Texts that can be shown to others: without the user's name and the path of the home folder."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from pathlib import Path

_SOMEBODY = "USER"
_ENDS = r"(?![\w.-])"  # else /home/ann would be found in /home/anna


def hider() -> Callable[[str], str]:
    """A function that writes ~ for the home folder, and USER for the user's name in paths."""
    homes = [re.escape(home) for home in _homes()]
    flags = re.IGNORECASE if os.name == "nt" else re.NOFLAG
    home = re.compile(rf"(?<![\w.-])(?:{'|'.join(homes)}){_ENDS}", flags) if homes else None
    name = _user()
    user = re.compile(rf"(?<=[/\\]){re.escape(name)}{_ENDS}", flags) if name else None

    def hide(text: str) -> str:
        text = home.sub("~", text) if home else text
        return user.sub(_SOMEBODY, text) if user else text

    return hide


def hidden(value: object, hide: Callable[[str], str]) -> object:
    """`value`, of JSON's kinds, with every text in it hidden."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list | tuple):
        return [hidden(each, hide) for each in value]
    if isinstance(value, dict):
        return {key: hidden(each, hide) for key, each in value.items()}
    return value


def _homes() -> list[str]:
    """The home folder as it is called, and as it is; not the root of the file system."""
    try:
        home = Path.home()
        found = {str(home), str(home.resolve())}
    except (OSError, RuntimeError):
        return []
    plain = [each.rstrip("/\\") for each in found if each != home.anchor]
    return sorted(filter(None, plain), key=len, reverse=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a process without any user, as in containers
        return ""
