"""What the segments of a render depend on, as text that can be compared."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.media.reasons import reason_of
from vsrife.media.stills.images import READABLE
from vsrife.weights.folders import is_folder

_MIB = 1 << 20


def of_source(source: Path) -> str:
    """Size, time of change, and hash of the first, middle and last MiB of a file.

    A whole film takes minutes to read; a change that spares all three keeps neither size nor time.
    Of a folder of images: of all sizes, of the latest time, and of all names and sizes.
    """
    if is_folder(source):
        return _of_images(source)
    try:
        found = source.stat()
        digest = hashlib.sha256()
        with source.open("rb") as file:
            for begin in sorted({0, max(0, found.st_size // 2), max(0, found.st_size - _MIB)}):
                file.seek(begin)
                digest.update(file.read(_MIB))
    except OSError as error:
        raise MediaError(f"{source} cannot be read: {reason_of(error)}") from error
    return f"{found.st_size} {found.st_mtime_ns} {digest.hexdigest()}"


def _of_images(folder: Path) -> str:
    size, changed, digest = 0, 0, hashlib.sha256()
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in READABLE and not path.name.startswith("."):
                found = path.stat()
                size, changed = size + found.st_size, max(changed, found.st_mtime_ns)
                digest.update(os.fsencode(f"{path.name} {found.st_size}\n"))
    except OSError as error:
        raise MediaError(f"{folder} cannot be read: {reason_of(error)}") from error
    return f"{size} {changed} {digest.hexdigest()}"


def of_file(path: str | os.PathLike[str]) -> str:
    """Hash of all of a file: weights, a script, a segment."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose text differs."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]
