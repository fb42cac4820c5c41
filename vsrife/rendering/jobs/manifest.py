"""The list of segments of a render, kept beside them as a file that is whole or not there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vsrife.system import moving

FORMAT = 2  # 1: of an earlier vsrife, which cut films elsewhere
NAME = "manifest.json"


@dataclass(frozen=True)
class Marks:
    """Source frames with marks, found in the first pass.

    cuts_after: last frames of scenes. cuts_before: first ones. duplicates: repeats of the frame
    before them.
    """

    cuts_after: list[int] = field(default_factory=list)
    cuts_before: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Receipt:
    """A finished segment: its file's size in bytes and hash."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is rendered.

    identity: what the segments depend on (`identity`). marks: of the first pass; None: there was
    none. segments: first output frame of each, and the number of output frames as last item.
    """

    identity: dict[str, str]
    marks: Marks | None
    borders: list[int]

    @property
    def segments(self) -> range:
        return range(len(self.borders) - 1)

    def frames(self, segment: int) -> tuple[int, int]:
        """First output frame of a segment, and the first one after it."""
        return self.borders[segment], self.borders[segment + 1]


def save(manifest: Manifest, folder: Path) -> None:
    write_json(folder / NAME, {"format": FORMAT, **asdict(manifest)})


def load(folder: Path) -> Manifest | None:
    """The manifest in a folder; None if there is none that can be read."""
    data = read_json(folder / NAME)
    try:
        if data is None or data["format"] != FORMAT:
            return None
        marks = data["marks"]
        found = Manifest(
            {str(name): str(text) for name, text in data["identity"].items()},
            None if marks is None else Marks(**{k: _whole(v) for k, v in marks.items()}),
            _whole(data["borders"]),
        )
        rising = all(a < b for a, b in zip(found.borders, found.borders[1:], strict=False))
        return found if len(found.borders) > 1 and rising else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def is_of_another_vsrife(folder: Path) -> bool:
    """Whether the manifest in a folder is one, but in a format that this vsrife does not read."""
    return (read_json(folder / NAME) or {}).get("format") not in (None, FORMAT)


def load_receipt(path: Path) -> Receipt | None:
    data = read_json(path)
    try:
        return None if data is None else Receipt(int(data["size"]), str(data["sha256"]))
    except (KeyError, TypeError, ValueError):
        return None


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a small file whole or not at all, also when the power fails."""
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        moving.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None if there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _whole(values: object) -> list[int]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise TypeError
    return values
