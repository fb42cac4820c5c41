"""Claims: which worker makes which segment, told by files that only one can make.

A claim is `00012.claim`, made exclusively. Its worker changes what is in it again and again; one
that stays the same for a lease is of a worker that has died or stands still, and its segment is
free. Clocks of two machines are never compared. If two workers make one segment after all, they
write the same bytes, and each moves a whole file.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from vsrife.errors import MediaError
from vsrife.system import moving
from vsrife.system.running import is_running

LEASE = 60.0  # seconds; longer than a frame of a slow machine, since beats go on meanwhile
_BEAT = 10.0  # seconds
_counter = itertools.count()


class Place(Protocol):
    """Where claims are: small files, of which each can be made by one only."""

    def make(self, name: str, text: str) -> bool:
        """Write a new file; False if there is one."""
        ...

    def read(self, name: str) -> str:
        """OSError if there is none."""
        ...

    def write(self, name: str, text: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def bury(self, name: str) -> None:
        """Remove a file that others may try to remove as well."""
        ...


class Folder:
    """A folder as the place of claims."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, name: str, text: str) -> bool:
        def write() -> None:
            with (self._path / name).open("x", encoding="utf-8") as file:
                file.write(text)

        try:
            moving.patiently(write)
        except (FileExistsError, FileNotFoundError):  # the latter: the folder has gone
            return False
        return True

    def read(self, name: str) -> str:
        return (self._path / name).read_text(encoding="utf-8", errors="replace")

    def write(self, name: str, text: str) -> None:
        (self._path / name).write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        (self._path / name).unlink()

    def bury(self, name: str) -> None:
        """Of several who try, one moves it away."""
        grave = self._path / f"{Path(name).stem}.{os.getpid()}.{next(_counter)}.dead"
        with suppress(OSError):
            os.rename(self._path / name, grave)
            grave.unlink()


class Claims:
    """The claims of one worker on segments. A context: its heart beats inside."""

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._host = socket.gethostname()
        self.name = f"{self._host} {os.getpid()} {next(_counter)}"
        self._held: set[int] = set()
        self._beats = 0
        self._seen: dict[int, tuple[str, float]] = {}  # segment -> content, when it was first seen
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._heart = threading.Thread(target=self._run, daemon=True, name="vsrife claims")

    def __enter__(self) -> Claims:
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._heart.join()
        for segment in list(self._held):
            self.release(segment)

    def take(self, segment: int) -> bool:
        """Claim a segment that nobody else makes; whether that was possible."""
        with self._lock:
            if self._make(segment):
                return True
            if not self._is_dead(segment):
                return False
            self._place.bury(_name(segment))
            return self._make(segment)

    def release(self, segment: int) -> None:
        with self._lock:
            self._held.discard(segment)
            with suppress(OSError, MediaError):
                if self._place.read(_name(segment)).startswith(self.name):
                    self._place.remove(_name(segment))

    def beat(self) -> None:
        """Show that this worker lives."""
        with self._lock:
            self._beats += 1
            for segment in list(self._held):
                with suppress(OSError, MediaError):
                    # a claim that somebody has taken over is not ours any more
                    if self._place.read(_name(segment)).startswith(self.name):
                        self._place.write(_name(segment), self._text())
                    else:
                        self._held.discard(segment)

    def _run(self) -> None:
        while not self._stop.wait(_BEAT):
            self.beat()

    def _text(self) -> str:
        return f"{self.name} {self._beats}"

    def _make(self, segment: int) -> bool:
        if not self._place.make(_name(segment), self._text()):
            return False
        self._held.add(segment)
        self._seen.pop(segment, None)
        return True

    def _is_dead(self, segment: int) -> bool:
        try:
            text = self._place.read(_name(segment))
        except OSError:
            return True  # just released
        host, _, rest = text.partition(" ")
        pid = rest.partition(" ")[0]
        if host == self._host and pid.isdecimal() and not is_running(int(pid)):
            return True
        before, since = self._seen.get(segment, (None, 0.0))
        if text != before:
            self._seen[segment] = (text, self._clock())
            return False
        return self._clock() - since > LEASE


def _name(segment: int) -> str:
    return f"{segment:05d}.claim"
