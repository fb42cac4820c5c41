"""What is given as frames: how many there are, and one after another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vsrife.errors import ArgumentError
from vsrife.images.frames.kinds import Kind, describe, is_array, is_pil, is_tensor

EMPTY = "frames must be at least one frame, and there is none"
_MOST_CHANNELS = 4


class Given(NamedTuple):
    """number: how many frames there are, None if that is not known; listed: all of them, if they
    are in memory and may be looked at beforehand."""

    frames: Iterator[Any]
    number: int | None = None
    listed: Sequence[Any] | None = None


def read_frames(frames: object) -> Given:
    """ArgumentError for what gives no frames, or is one frame."""
    if isinstance(frames, str | bytes | os.PathLike | Mapping) or is_pil(frames):
        raise ArgumentError(
            f"frames must be several frames in a list or a generator, not {describe(frames)}"
        )
    if is_array(frames) or is_tensor(frames):
        frames = list(_along_first_axis(frames))
    if not isinstance(frames, Iterable):
        raise ArgumentError(
            f"frames must be frames in a list, an array or a generator, not {describe(frames)}"
        )
    if isinstance(frames, list | tuple):
        listed = list(split(frames))
        if not listed:
            raise ArgumentError(EMPTY)
        return Given(iter(listed), len(listed), listed)
    number = None
    if isinstance(frames, Sequence) and frames and not _is_batch(frames[0]):
        number = len(frames)
    return Given(split(frames), number)


def split(frames: Iterable[Any]) -> Iterator[Any]:
    """The same, with batches (N, C, H, W) as N batches of one frame."""
    for frame in frames:
        if _is_batch(frame):
            yield from (frame[k : k + 1] for k in range(len(frame)))
        else:
            yield frame


def _is_batch(frame: Any) -> bool:
    return (is_array(frame) or is_tensor(frame)) and frame.ndim == 4 and len(frame) != 1


def check_like(kind: Kind, frame: Any, number: int) -> None:
    """ArgumentError if a frame does not look like the first one."""
    text = kind.text_of(frame)
    if text != kind.look.text:
        raise ArgumentError(
            f"frame {number} must be like frame 0, {kind.look.text}, not {text}; convert it"
        )


def check_all(kind: Kind, frames: Sequence[Any]) -> None:
    """The same for all; files must only be there, since to open them all may take long."""
    are_files = isinstance(frames[0], str | os.PathLike)
    for number, frame in enumerate(frames):
        if not (are_files and isinstance(frame, str | os.PathLike)):
            check_like(kind, frame, number)
        elif not os.path.isfile(frame):
            raise ArgumentError(
                f"frame {number} must be a file that exists, not {os.fspath(frame)!r}; "
                "check its path"
            )


def _along_first_axis(frames: Any) -> Iterator[Any]:
    shape = tuple(frames.shape)
    if len(shape) not in (3, 4) or (len(shape) == 3 and min(shape[0], shape[2]) <= _MOST_CHANNELS):
        raise ArgumentError(
            "frames must be several frames, (N, H, W, C) or (N, C, H, W), not one array "
            f"{shape}; put single frames in a list"
        )
    return (frames[k] for k in range(shape[0]))
