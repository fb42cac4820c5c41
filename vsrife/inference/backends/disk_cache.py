"""Graphs as a runtime has optimised them, kept between sessions so that they start faster.

Runtimes do not notice a wrong bit in a weight, and make other pictures with it. So every kept file
has a checksum, and one that differs counts as missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vsrife.inference.base import Note
from vsrife.weights import CACHE_VARIABLE, cache_folder, write_whole

_SEAL = hashlib.sha256().digest_size  # bytes in front of what is kept
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
    return folder / f"{_digest(*parts).hex()[:40]}{suffix}"


def keep(path: Path, write: Callable[[Path], object]) -> bytes:
    """Have `write` fill a file, and keep that with its checksum; gives what is in it.

    OSError where it cannot be written."""
    content = b""

    def sealed(part: Path) -> None:
        nonlocal content
        write(part)
        content = part.read_bytes()
        part.write_bytes(_digest(path.name, content) + content)

    write_whole(path, sealed)
    prune(path.parent)
    return content


def read(path: Path) -> bytes | None:
    """What was kept under this name, to the bit; None if nothing was, or it is damaged."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    seal, content = kept[:_SEAL], kept[_SEAL:]
    # the name is in it: what belongs to another graph is as wrong as what is damaged
    if seal != _digest(path.name, content):
        drop(path)
        return None
    with suppress(OSError):
        os.utime(path)  # of use, for `prune`
    return content


def drop(path: Path) -> None:
    """Remove what was kept, as far as the system lets us."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """Of a file that a runtime keeps by itself."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(*parts: bytes | str) -> bytes:
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(len(content).to_bytes(8))
        total.update(content)
    return total.digest()


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
