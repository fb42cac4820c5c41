"""Unfinished files: ownership, publication, and removal of those of dead processes.

A file is written as `.NAME.PID.part` beside its target. Its process holds a lock on it where the
system has locks. An unlocked part whose process is gone was left by a crash and is removed; so is
`.NAME.PID.part.folder`, which holds files for a while.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.system import moving
from vsrife.system.running import is_running
from vsrife.weights.folders import exists, is_folder

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.part")
_FOLDER = ".folder"  # after the name of a part: a folder that is held by that part
_OURS = (
    ".mkv", ".mp4", ".mov", ".nut", ".webm", ".gif", ".webp", ".apng", ".png", ".tif", ".tiff",
    ".exr", ".csv", ".svg", ".pdf", ".times", ".html", ".vpy",
)  # fmt: skip  # a list of words
_DENIED = "choose another folder"
if moving.WINDOWS:  # where no file can be replaced that is open
    _DENIED = "close it in other programs, or choose another folder"
_MEANING = {
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOSPC: "the disk is full; make room",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk is full; make room",
    errno.EACCES: f"permission denied; {_DENIED}",
    errno.EPERM: f"permission denied; {_DENIED}",
}
_counter = itertools.count()
_held: dict[Path, int] = {}  # parts of this process -> descriptor of the lock


def unwritable(path: Path, error: Exception) -> MediaError:
    """The error for a file that the system or FFmpeg cannot write, in one line."""
    number = getattr(error, "errno", None)
    reason = _MEANING.get(number or 0) or getattr(error, "strerror", None) or str(error)
    return MediaError(f"{path} cannot be written: {reason}")


def part_of(path: Path) -> Path:
    """The name of `path` until it is complete."""
    # a name has at most 255 bytes, and a character up to 4
    return path.with_name(f".{path.stem[:40]}{path.suffix[:8]}.{os.getpid()}.part")


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A new, empty file beside `path`; replaces it at the end, or is removed after an error.

    overwrite: replace a file at `path`, and keep its mode and owner where the system allows it;
    else a file that has appeared meanwhile stays (`publish`). MediaError, with `path`, if the
    system or FFmpeg cannot write it; at the start if the folder is not writable.
    """
    import av

    target = check_target(path, overwrite=overwrite)
    part = part_of(target)
    try:
        sweep(target.parent)
        _hold(part)
        yield part
        os.fsync(_held[part])  # else a power cut could leave an empty file under the new name
        if overwrite:
            _replace(part, target)
        else:
            publish(part, target)
    except (OSError, av.FFmpegError) as error:
        raise unwritable(path, error) from error
    finally:
        release(part)


def check_target(path: Path, *, overwrite: bool) -> Path:
    """`path` with links resolved; MediaError if that file must not be written."""
    if path.is_symlink() and not path.exists():
        linked = os.readlink(path)
        raise MediaError(f"{path} is a link to {linked}, which does not exist; remove the link")
    if path.exists() and (not overwrite or not path.is_file()):
        raise MediaError(f"{path} exists; choose another name, or --overwrite for a file")
    if moving.WINDOWS and path.exists() and not os.access(path, os.W_OK):
        raise MediaError(f"{path} is read-only; choose another name, or make it writable")
    return path.resolve()


def publish(part: Path, target: Path) -> None:
    """Rename `part` to `target`, unless that exists. Of two processes only one can succeed.

    MediaError if it exists; the file then gets another name, which the message gives.
    """
    try:
        _rename_to_new(part, target)
    except FileExistsError as error:
        raise MediaError(
            f"{target} has appeared while the new file was made, and is left alone; "
            f"the new file is {_put_beside(part, target)}"
        ) from error


def _put_beside(part: Path, target: Path) -> Path:
    """Give `part` a name like that of `target`, where it cannot have that: no work is lost."""
    other = target.with_name(f"{target.stem}.{os.getpid()}{target.suffix}")
    _rename_to_new(part, other)
    return other


def _rename_to_new(part: Path, target: Path) -> None:
    if moving.WINDOWS:
        _unlock(part)  # what is open cannot be moved there
        moving.rename_new(part, target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network folders have no hard links
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            moving.replace(part, target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


def _replace(part: Path, target: Path) -> None:
    if target.exists():
        before = target.stat()
        if hasattr(os, "chown"):
            with suppress(OSError):  # only root may change the owner
                os.chown(part, before.st_uid, before.st_gid)
        with suppress(OSError):
            os.chmod(part, stat.S_IMODE(before.st_mode))
    if moving.WINDOWS:
        _unlock(part)  # what is open cannot be moved there
    try:
        moving.replace(part, target)
    except PermissionError as error:
        raise MediaError(
            f"{target} cannot be replaced; is it open in another program? "
            f"The new file is {_put_beside(part, target)}"
        ) from error


def check_folder(folder: Path, endings: Collection[str] = ()) -> None:
    """MediaError if no files can be put into a folder of that name, which need not exist.

    endings: of files; a new folder whose name has one is a mistake.
    """
    if folder.suffix.lower() in endings and not exists(folder):
        raise MediaError(
            f"{folder} is named like a file, and a folder is needed; leave {folder.suffix} out"
        )
    if exists(folder) and not is_folder(folder):
        raise MediaError(f"{folder} is no folder; choose another one")
    above = (folder, *folder.absolute().parents)
    there = next((each for each in above if exists(each)), folder)
    if not os.access(there, os.W_OK | os.X_OK) or not is_folder(there):
        raise MediaError(f"{there} cannot be written; choose another folder than {folder}")


def make_folder(folder: Path) -> None:
    """Make it, and those above it; MediaError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = _MEANING.get(error.errno or 0) or f"{error.strerror}; choose another folder"
        raise MediaError(f"folder {folder} cannot be made: {reason}") from error


@contextmanager
def scratch_file(name: str) -> Iterator[Path]:
    """An empty temporary file; removed at the end, or by the next run after a crash."""
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


@contextmanager
def scratch_folder(above: Path) -> Iterator[Path]:
    """An empty folder in `above`; removed at the end, or by the next run after a crash."""
    holder = part_of(above / f"vsrife-{next(_counter)}.times")
    folder = holder.with_name(holder.name + _FOLDER)
    sweep(above)
    try:
        _hold(holder)
        folder.mkdir()
    except OSError as error:
        release(holder)
        raise unwritable(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        release(holder)


def sweep(folder: Path) -> int:
    """Remove the parts in `folder` that belong to no running process; returns how many."""
    count = 0
    with suppress(OSError):
        for entry in os.scandir(folder):
            found = _NAME.fullmatch(entry.name)
            if found and found["name"].endswith(_OURS) and entry.is_file(follow_symlinks=False):
                count += _remove_if_dead(Path(entry.path), int(found["pid"]))
    return count


def release(part: Path) -> None:
    """Unlock and remove a part of this process, if it still exists."""
    _unlock(part)
    with suppress(OSError):
        part.unlink(missing_ok=True)


def release_all() -> None:
    """Remove every part of this process, before an exit that skips all other cleanup."""
    for part in list(_held):
        shutil.rmtree(part.with_name(part.name + _FOLDER), ignore_errors=True)
        release(part)


def _hold(part: Path) -> None:
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    _held[part] = descriptor
    _lock(descriptor)


def _unlock(part: Path) -> None:
    descriptor = _held.pop(part, None)
    if descriptor is not None:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file for this process, without waiting; False if another process holds it.

    Windows needs no lock: it does not remove an open file.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # no locks in this folder: the process id must suffice
    return True


def _remove_if_dead(part: Path, pid: int) -> bool:
    """Returns whether it is removed."""
    if part in _held or is_running(pid):
        return False
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDWR)
        try:
            dead = _lock(descriptor)  # False: locked from another machine or container
        finally:
            os.close(descriptor)
        if dead:
            if moving.WINDOWS:  # in place of a lock: this fails where another machine has it open
                part.unlink()
            # first what it holds: a crash in between leaves the part, and so the next try
            shutil.rmtree(part.with_name(part.name + _FOLDER), ignore_errors=True)
            part.unlink(missing_ok=True)
            return True
    return False
