"""Folders of weights, and writing a file whole. Importing this touches no folder."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryDirectory, gettempdir

from platformdirs import user_cache_path, user_config_path

from vsrife.errors import MediaError, ModelError
from vsrife.system import moving

FOLDER_VARIABLE = "VSRIFE_MODEL_DIR"
CACHE_VARIABLE = "VSRIFE_CACHE_DIR"
CATALOGUE = "models.toml"
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NO_SUCH_NAME = 123  # ERROR_INVALID_NAME of Windows: *.mkv can be the name of nothing
_PATIENCE = 1.0  # seconds to wait for a lock before the user is told

_package = Path(__file__).resolve().parents[1]
# beside the modules when installed, beside the package in a checkout
_beside, _checkout = _package / "models", _package.parent / "models"
embedded_folder = _checkout if not _beside.is_dir() and _checkout.is_dir() else _beside


def user_folder() -> Path:
    """Where official weights belong: $VSRIFE_MODEL_DIR, or a folder in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    return user_cache_path("vsrife", appauthor=False) / "models"


def cache_base() -> Path | None:
    """Where files go that can be made again: $VSRIFE_CACHE_DIR, or the user's cache.

    None if that variable is empty or "none". The folder need not exist.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen is None:
        return user_cache_path("vsrife", appauthor=False).absolute()
    if chosen.strip().lower() in ("", "none"):
        return None
    return Path(chosen).expanduser().absolute()


def cache_folder(name: str) -> Path | None:
    """A folder in `cache_base`, made if it is not there; None without a cache.

    OSError if it cannot be made or written.
    """
    base = cache_base()
    if base is None:
        return None
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))
    return folder


def script_folder() -> str:
    """The same as text, made if possible: vs-rife's `model_dir`."""
    with suppress(OSError):
        user_folder().mkdir(parents=True, exist_ok=True)
    return str(user_folder())


def user_catalogue() -> Path:
    """The user's own list of models, in the form of models/models.toml; it need not exist."""
    return user_config_path("vsrife", appauthor=False) / CATALOGUE


def other_folders() -> list[Path]:
    """Folders where vs-rife, a package of the same name, puts official files."""
    places = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    found = [place / "vsrife" / "models" for place in places]
    return [embedded_folder, *(f for f in found if f.is_dir() and f != embedded_folder)]


def embedded_file(name: str) -> Path:
    """A file that the package brings; ModelError if it is gone."""
    path = embedded_folder / name
    if not is_file(path):
        raise ModelError(f"model file {path} does not exist; install vsrife again")
    return path


def is_file(path: Path) -> bool:
    """Whether there is a file; ModelError if the system cannot say, as for a name too long."""
    return S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Whether there is a folder; ModelError as above."""
    return S_ISDIR(_mode(path))


def exists(path: Path) -> bool:
    """Whether there is anything of that name; ModelError as above."""
    return _mode(path) != 0


def _mode(path: Path) -> int:
    """What kind of thing is there, as `stat` says it; 0 if nothing is."""
    try:
        # not path.is_file(): from Python 3.14 on it takes every error for a missing file
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character
        return 0
    except OSError as error:
        if getattr(error, "winerror", None) == _NO_SUCH_NAME:
            return 0
        raise ModelError(
            f"{str(path)!r:.300} cannot be read ({error.strerror}); check its name and permissions"
        ) from error


def make_folder(folder: Path) -> None:
    """Make the folder; ModelError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, None)


def _unwritable(folder: Path, error: OSError | None) -> ModelError:
    reason = f" ({error.strerror})" if error else ""
    return ModelError(
        f"model folder {folder} cannot be written{reason}; "
        f"set {FOLDER_VARIABLE} to a folder that can"
    )


@contextmanager
def locked(folder: Path, name: str, note: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the file `name`; it is released if the process dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f".{name}.lock")
    try:
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            note(f"another process is busy with {name}; waiting for it")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise ModelError(f"model folder {folder} cannot be locked ({error})") from error
    try:
        yield
    finally:
        lock.release()


def disk_error(folder: Path, file: str, error: OSError) -> ModelError:
    """The error for a file that cannot be written; on a full disk, leftovers are removed first."""
    if error.errno in _FULL:
        sweep(folder, file)
        return ModelError(f"{file} does not fit into {folder}: the disk is full; make room")
    return ModelError(f"{file} cannot be written into {folder} ({error.strerror or error})")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then move that file to `path`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut could leave the new name without content
        moving.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for programs that write nothing but files, gone afterwards.

    MediaError for every OSError inside: nothing else may be written there.
    """
    try:
        with TemporaryDirectory(prefix="vsrife") as folder:
            yield Path(folder)
    except OSError as error:
        raise MediaError(
            f"temporary folder {gettempdir()} cannot be written ({error.strerror or error}); "
            "make room, or set TMPDIR to another folder"
        ) from error


def sweep(folder: Path, name: str) -> None:
    """Remove what interrupted writes of the file `name` have left. Hold its lock."""
    for part in folder.glob(f".{name}.*.part"):
        part.unlink(missing_ok=True)
