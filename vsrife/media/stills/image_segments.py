"""A part of a film as images in one file, and such files as images of their own.

The file is a ZIP without compression: images are compressed already.
"""

from __future__ import annotations

import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.parts import part_of, publish, sweep, unwritable
from vsrife.media.stills.image_pattern import FIRST, existing, name_of
from vsrife.media.stills.image_writer import image_bytes
from vsrife.messages import counted, note
from vsrife.system import moving

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes in every run
_AT_ONCE = 4  # images that are encoded at the same time, and frames in flight


def write_segment(
    clip: vs.VideoNode, part: Path, ending: str, on_frame: Callable[[int], None]
) -> None:
    """Write the frames of `clip` (see `image_writer.for_images`) into a file of images."""
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as target:
        for n, data in enumerate(_encoded(clip, ending)):
            target.writestr(zipfile.ZipInfo(f"{n:08d}{ending}", _EPOCH), data)
            on_frame(n + 1)


def _encoded(clip: vs.VideoNode, ending: str) -> Iterator[bytes]:
    """Each frame as the bytes of an image; several at a time, in order."""
    waiting: deque[tuple[vs.VideoFrame, Future[bytes]]] = deque()

    def finished() -> bytes:
        frame, future = waiting.popleft()
        with frame:
            return future.result()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for frame in clip.frames(prefetch=_AT_ONCE, backlog=_AT_ONCE):
            waiting.append((frame, pool.submit(image_bytes, frame, ending)))
            if len(waiting) > _AT_ONCE:
                yield finished()
        while waiting:
            yield finished()


def read_segment(path: Path, count: int) -> Iterator[bytes]:
    """The images in a file, in order. ValueError if they are not `count`, or damaged."""
    try:
        with zipfile.ZipFile(path) as source:
            names = sorted(source.namelist())
            if len(names) != count:
                raise ValueError(f"has {counted(len(names), 'image')}, not {count}")
            for name in names:
                yield source.read(name)
    except zipfile.BadZipFile as error:
        raise ValueError(f"cannot be read ({error})") from error


def put_image(data: bytes, path: Path, *, overwrite: bool) -> None:
    """Write an image whole or not at all; one with the same bytes stays.

    MediaError if another one is there that must not be replaced.
    """
    with suppress(OSError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    if not overwrite and path.exists():
        raise MediaError(
            f"{path} exists, and is another image; move it, or --overwrite replaces it"
        )
    part = part_of(path)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the segment that it comes from goes soon
        if overwrite:
            moving.replace(part, path)
        else:
            publish(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def put_images(
    pieces: Sequence[tuple[Path, int]],
    target: Path,
    *,
    overwrite: bool,
    on_frame: Callable[[int], None],
    on_bad: Callable[[int, ValueError], MediaError],
) -> None:
    """Write the images of files (path, number of images), one after another, as `target` names
    them.

    on_bad: gives the error for a file, by its place, that does not hold its images. A note for
    older images of that name that stay.
    """
    sweep(target.parent)
    number = FIRST
    for place, (path, count) in enumerate(pieces):
        try:
            for data in read_segment(path, count):
                put_image(data, name_of(target, number), overwrite=overwrite)
                number += 1
                on_frame(number - FIRST)
        except ValueError as error:
            raise on_bad(place, error) from error
    older = sum(not FIRST <= each < number for each, _ in existing(target))
    if older:
        note(f"{target.parent} keeps {counted(older, 'image')} of that name from before")
