"""The names of numbered images: `frames/name_%05d.png` stands for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.media.stills.image_writer import KINDS
from vsrife.weights.folders import exists, is_folder

FIRST = 1  # number of the first image, as in FFmpeg
_NUMBER = re.compile(r"%(?:0(\d))?d")


def is_pattern(target: Path) -> bool:
    """Whether a name stands for numbered images, or is meant to."""
    return target.suffix.lower() in KINDS


def name_of(target: Path, number: int) -> Path:
    """The image of a number."""
    made = _NUMBER.sub(lambda found: f"{number:0{found[1] or 1}d}", target.name)
    return target.with_name(made)


def existing(target: Path) -> Iterator[tuple[int, Path]]:
    """The images of that name that are there, with their numbers, in no order."""
    found = _NUMBER.search(target.name)
    assert found is not None
    before, after = target.name[: found.start()], target.name[found.end() :]
    for path in target.parent.iterdir() if is_folder(target.parent) else ():
        middle = path.name[len(before) : len(path.name) - len(after)]
        is_number = middle.isdecimal() and middle.isascii()
        if is_number and name_of(target, int(middle)) == path:
            yield int(middle), path


def check_pattern(target: Path, source: Path, *, overwrite: bool) -> None:
    """MediaError for a name without one number, or images that would be replaced."""
    if len(_NUMBER.findall(target.name)) != 1 or "%" in _NUMBER.sub("", target.name):
        stem = target.stem.partition("%")[0]
        better = target.with_name(f"{stem}_%05d{target.suffix}" if stem else f"%05d{target.suffix}")
        raise MediaError(f"{target} is one image; name many as {better}, with one number")
    folder = target.parent
    if exists(folder) and not is_folder(folder):
        raise MediaError(f"{folder} is no folder; choose another one")
    if not is_folder(folder.absolute().parent):
        raise MediaError(f"folder {folder.parent} does not exist; make it first")
    if is_folder(source) and is_folder(folder) and folder.samefile(source):
        raise MediaError(f"{folder} is the input, too; OUT must be in another folder")
    if overwrite:
        return
    for _, path in existing(target):
        raise MediaError(f"{path} exists; choose another folder or name, or --overwrite")
