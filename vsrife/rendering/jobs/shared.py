"""Segments at an address that several machines see, such as s3://bucket/films, by way of fsspec.

ADDRESS/out-1a2b3c4d5e6f/ holds what the folder of a job holds for workers: manifest, task, claims,
and each finished segment with its receipt, which comes last. Each machine works in a folder of its
own; the one that joins the film gets what others have made.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vsrife.errors import ArgumentError, MediaError, RifeError, alike, needing
from vsrife.media.reasons import reason_of
from vsrife.messages import one_line

_MARK = "://"
_PROBE = "vsrife-probe"
_LISTED = 1.0  # seconds for which a listing counts: stores take time, and some money, for each


def is_address(text: str) -> bool:
    return _MARK in text


def check_address(address: str) -> None:
    """ArgumentError for text that is none."""
    if not is_address(address):
        raise ArgumentError(
            f"segments must be an address such as s3://bucket/films, not {address!r}; a folder is "
            "file:///films"
        )


def check(address: str) -> None:
    """An error if files cannot be put there and removed again, before any work."""
    place = Shared(address)
    place.write(_PROBE, "")
    place.remove(_PROBE)


def address_of(address: str, folder: Path, plan: bytes) -> str:
    """Where at `address` the segments of one render are: another plan has another place.

    folder: of the job.
    """
    mark = hashlib.sha256(os.fsencode(f"{socket.gethostname()} {folder.resolve()}\n") + plan)
    name = quote(folder.name.removeprefix(".").removesuffix(".segments")[:40])
    return f"{address.rstrip('/')}/{name}-{mark.hexdigest()[:12]}"


class Shared:
    """A folder at an address. MediaError, with the address, for all that goes wrong there."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        with self._telling():
            self._files, self._root = _opened(self.address)
        self._names, self._until = frozenset[str](), 0.0

    def make(self, name: str, text: str) -> bool:
        """Write a file that nobody has made yet; whether that was so."""
        self._until = 0.0  # what its maker has finished is known after that
        with self._telling():
            try:
                self._files.pipe_file(self._path(name), text.encode(), mode="create")
                return True
            except FileExistsError:
                return False
            except (ValueError, NotImplementedError, TypeError):  # a store without that promise
                return self._make_loosely(name, text)

    def read(self, name: str) -> str:
        """FileNotFoundError if there is none."""
        with self._telling(FileNotFoundError):
            self._files.invalidate_cache()
            found: bytes = self._files.cat_file(self._path(name))
        return found.decode("utf-8", "replace")

    def write(self, name: str, text: str) -> None:
        with self._telling():
            self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(self._path(name), text.encode())

    def remove(self, name: str) -> None:
        with self._telling(), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))
        self._until = 0.0

    bury = remove  # of two who bury a claim, both may make its segment: the same bytes twice

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, as of a second ago."""
        if time.monotonic() >= self._until:
            with self._telling():
                self._files.invalidate_cache()
                self._names = frozenset(self._list())
            self._until = time.monotonic() + _LISTED
        return name in self._names

    def push(self, *paths: Path) -> None:
        """Copy files here, in this order."""
        with self._telling():
            self._files.makedirs(self._root, exist_ok=True)
            for path in paths:
                self._files.put_file(str(path), self._path(path.name))

    def pull(self, name: str, path: Path) -> None:
        """FileNotFoundError if there is none."""
        with self._telling(FileNotFoundError):
            self._files.get_file(self._path(name), str(path))

    def clear(self) -> None:
        with self._telling(), suppress(FileNotFoundError):
            self._files.rm(self._root, recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _list(self) -> Iterator[str]:
        with suppress(FileNotFoundError):
            for path in self._files.ls(self._root, detail=False):
                yield str(path).rstrip("/").rpartition("/")[2]

    def _make_loosely(self, name: str, text: str) -> bool:
        if self._files.exists(self._path(name)):
            return False
        self._files.pipe_file(self._path(name), text.encode())
        return bool(self._files.cat_file(self._path(name)) == text.encode())

    @contextmanager
    def _telling(self, *passed: type[Exception]) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each protocol has its own kinds
            if isinstance(error, (RifeError, *passed)):
                raise
            reason = reason_of(error) if isinstance(error, OSError) else one_line(str(error))
            raise MediaError(
                f"{self.address} cannot be used: {reason or type(error).__name__}"
            ) from error


def _opened(address: str) -> tuple[Any, str]:
    with needing(address, "remote"):
        import fsspec
    # the last one of a chain such as simplecache::s3
    protocol = address.partition(_MARK)[0].rpartition("::")[2]
    known = fsspec.available_protocols()
    if protocol not in known:
        raise ArgumentError(
            f"segments must begin with a protocol such as s3{_MARK}, sftp{_MARK} or file{_MARK}, "
            f"not {protocol + _MARK!r}{alike(protocol, known)}"
        )
    found: tuple[Any, str] = fsspec.core.url_to_fs(address)
    return found[0], found[1].rstrip("/")
