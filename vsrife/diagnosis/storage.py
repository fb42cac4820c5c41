"""Folders of the package: caches with their sizes, and models. Makes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vsrife.weights import folders, library, locate


class Folder(NamedTuple):
    """size: bytes of the files in it, and below. writable: or could be made."""

    name: str
    path: str
    size: int
    files: int
    writable: bool


class Models(NamedTuple):
    """embedded: parts of the package; ready: others on this machine; missing_parts: embedded ones
    whose file is gone; known: number of all names."""

    embedded: list[str]
    ready: list[str]
    missing_parts: list[str]
    known: int


def find_caches() -> list[Folder]:
    """The folders of the cache; one row for the cache itself if it has none."""
    base = folders.cache_base()
    if base is None:
        return []
    inside = sorted(each for each in _entries(base) if each.is_dir())
    inside = [each for each in inside if each != folders.user_folder()]
    return [_measured(each, each.name) for each in inside] or [_measured(base, "cache")]


def find_model_folder() -> Folder:
    return _measured(folders.user_folder(), "models")


def find_models() -> Models:
    """Names of the models on this machine. ModelError for a catalogue that cannot be read."""
    rows = library.all_models()
    embedded: list[str] = []
    broken: list[str] = []
    ready: list[str] = []
    for row in rows:
        if row.embedded:
            whole = folders.is_file(folders.embedded_folder / row.kept)
            (embedded if whole else broken).append(row.name)
        elif locate.find_file(row) is not None:
            ready.append(row.name)
    return Models(embedded, ready, broken, len(rows))


def _measured(folder: Path, name: str) -> Folder:
    sizes = list(_sizes(folder))
    return Folder(name, str(folder), sum(sizes), len(sizes), _writable(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for entry in _entries(folder):
        try:
            if entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _sizes(entry)
            else:
                yield entry.stat().st_size
        except OSError:  # gone, or not ours to read
            continue


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _writable(folder: Path) -> bool:
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
