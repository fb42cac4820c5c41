"""Graphs as a runtime has optimised them, kept between sessions so that they start faster."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from vsrife.inference.base import Note
from vsrife.weights import CACHE_VARIABLE, cache_folder

LIMIT = 2 << 30  # bytes of one folder; an official network takes 20 to 90 MB for each size
_refused: set[str] = set()  # folders that the user has heard of


def open_folder(name: str, note: Note) -> Path | None:
    """The folder for one kind of files; None if caches are switched off or cannot be written."""
    try:
        return cache_folder(name)
    except (OSError, RuntimeError) as error:  # the latter of a ~ that stands for nobody's folder
        text = f"{os.environ.get(CACHE_VARIABLE)!r} is no folder ({error})"
        if isinstance(error, OSError):
            text = f"{error.filename} cannot be written ({error.strerror})"
        if text not in _refused:
            _refused.add(text)
            note(
                f"{text}: networks will be prepared anew for each session; set "
                f"{CACHE_VARIABLE} to a folder that can be written, or to none"
            )
        return None


def path_of(folder: Path, suffix: str, *parts: bytes | str) -> Path:
    """A file whose name depends on every byte of `parts`, so that nothing stale is ever found."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(len(content).to_bytes(8))
        total.update(content)
    return folder / f"{total.hexdigest()[:40]}{suffix}"


def used(path: Path) -> None:
    """Note that a file was of use, for `prune`."""
    with suppress(OSError):
        os.utime(path)


def prune(folder: Path, limit: int = LIMIT) -> None:
    """Remove the files that were of no use for longest until the rest fits into `limit` bytes."""
    with suppress(OSError):  # another process prunes, too
        files = [(p.stat().st_mtime, p.stat().st_size, p) for p in folder.iterdir() if p.is_file()]
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= limit:
                return
            path.unlink(missing_ok=True)
            total -= size
