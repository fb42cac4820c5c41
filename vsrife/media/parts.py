"""Unfinished files: who owns them, how they are published, and removing those of dead processes.

A file that is being written is called `.NAME.PID.part` and lies beside its target. Its process
holds a lock on it where the system has locks; a part that nobody holds and whose process is gone
is what a crash has left.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vsrife.errors import MediaError

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.part")
_OURS = (".mkv", ".mp4", ".mov", ".png", ".csv", ".svg", ".pdf", ".times")
_MEANING = {
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOSPC: "the disk is full; make room",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk is full; make room",
    errno.EACCES: "permission denied; choose another folder",
    errno.EPERM: "permission denied; choose another folder",
}
_counter = itertools.count()
_held: dict[Path, int] = {}  # the parts of this process, each with the descriptor of its lock


def unwritable(path: Path, error: Exception) -> MediaError:
    """The error for a file that the system or FFmpeg does not write, in one line."""
    number = getattr(error, "errno", None)
    reason = _MEANING.get(number or 0) or getattr(error, "strerror", None) or str(error)
    return MediaError(f"{path} cannot be written: {reason}")


def part_of(path: Path) -> Path:
    """Where `path` is written until it is whole."""
    # names have 255 bytes at most, and a letter has up to 4
    return path.with_name(f".{path.stem[:40]}{path.suffix[:8]}.{os.getpid()}.part")


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A new, empty file to write instead of `path`, beside it; takes its place at the end, or goes.

    overwrite: replace a file at `path`, keeping its mode and owner where the system lets us; else
    one that has appeared meanwhile is left alone (`publish`). MediaError, naming `path`, for what
    the system or FFmpeg refuses, at the start if the folder cannot be written.
    """
    import av

    target = check_target(path, overwrite=overwrite)
    part = part_of(target)
    try:
        sweep(target.parent)
        _hold(part)
        yield part
        os.fsync(_held[part])  # or a power cut could leave the new name with no content
        if overwrite:
            _replace(part, target)
        else:
            publish(part, target)
    except (OSError, av.FFmpegError) as error:
        raise unwritable(path, error) from error
    finally:
        release(part)


def check_target(path: Path, *, overwrite: bool) -> Path:
    """The file that a name stands for, behind links; MediaError if it must not be written."""
    if path.is_symlink() and not path.exists():
        there = os.readlink(path)
        raise MediaError(f"{path} is a link to {there}, which does not exist; remove the link")
    if path.exists() and (not overwrite or not path.is_file()):
        raise MediaError(f"{path} exists; choose another name, or --overwrite for a file")
    return path.resolve()


def publish(part: Path, target: Path) -> None:
    """Give `part` the name `target`, if nothing has it. Two cannot both succeed.

    MediaError if something has; the work is then kept under a name that the message tells.
    """
    try:
        _take_name(part, target)
    except FileExistsError as error:
        other = target.with_name(f"{target.stem}.{os.getpid()}{target.suffix}")
        _take_name(part, other)
        raise MediaError(
            f"{target} has appeared while the new file was made, and is left alone; "
            f"the new file is {other}"
        ) from error


def _take_name(part: Path, target: Path) -> None:
    if os.name == "nt":
        _let_go(part)
        os.rename(part, target)  # never replaces there
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network folders have no links
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.replace(part, target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


def _replace(part: Path, target: Path) -> None:
    if target.exists():
        before = target.stat()
        if hasattr(os, "chown"):
            with suppress(OSError):  # only the system's own user may give files away
                os.chown(part, before.st_uid, before.st_gid)
        with suppress(OSError):
            os.chmod(part, stat.S_IMODE(before.st_mode))
    _let_go(part)
    os.replace(part, target)


@contextmanager
def scratch_file(name: str) -> Iterator[Path]:
    """An empty file in the folder for temporary files; gone at the end, or with the next run."""
    folder = Path(tempfile.gettempdir())
    part = part_of(folder / f"vsrife-{next(_counter)}-{name}.times")
    sweep(folder)
    try:
        _hold(part)
        yield part
    except OSError as error:
        raise unwritable(part, error) from error
    finally:
        release(part)


def sweep(folder: Path) -> None:
    """Remove the parts in `folder` that no living process holds."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            found = _NAME.fullmatch(entry.name)
            if found and found["name"].endswith(_OURS) and entry.is_file(follow_symlinks=False):
                _remove_if_dead(Path(entry.path), int(found["pid"]))


def release(part: Path) -> None:
    """Remove a part of this process, if it is still there."""
    _let_go(part)
    with suppress(OSError):
        part.unlink(missing_ok=True)


def release_all() -> None:
    """Remove every part of this process: for an end that nothing else cleans up after."""
    for part in list(_held):
        release(part)


def _hold(part: Path) -> None:
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    _held[part] = descriptor
    _lock(descriptor)


def _let_go(part: Path) -> None:
    descriptor = _held.pop(part, None)
    if descriptor is not None:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file for this process, without waiting; whether nobody else has it.

    Windows needs no lock: it does not remove a file that is open anywhere.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a folder without locks: the number of the process has to do
    return True


def _remove_if_dead(part: Path, pid: int) -> None:
    if part in _held or _lives(pid):
        return
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDWR)
        try:
            dead = _lock(descriptor)  # held by a process of another machine or container, if not
        finally:
            os.close(descriptor)
        if dead:
            part.unlink()


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return False  # the system refuses to remove what a living process has open
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # someone else's process
    return True
