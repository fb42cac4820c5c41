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
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from vsrife.media.parts import is_running

LEASE = 60.0  # seconds; longer than a frame of a slow machine, since beats go on meanwhile
_BEAT = 10.0  # seconds
_counter = itertools.count()


class Claims:
    """The claims of one worker on the segments in a folder. A context: its heart beats inside."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
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
            self._bury(segment)
            return self._make(segment)

    def release(self, segment: int) -> None:
        with self._lock:
            self._held.discard(segment)
            with suppress(OSError):
                if self._read(segment).startswith(self.name):
                    self._path(segment).unlink()

    def beat(self) -> None:
        """Show that this worker lives."""
        with self._lock:
            self._beats += 1
            for segment in list(self._held):
                with suppress(OSError):
                    # a claim that somebody has taken over is not ours any more
                    if self._read(segment).startswith(self.name):
                        self._path(segment).write_text(self._text())
                    else:
                        self._held.discard(segment)

    def _run(self) -> None:
        while not self._stop.wait(_BEAT):
            self.beat()

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:05d}.claim"

    def _text(self) -> str:
        return f"{self.name} {self._beats}"

    def _read(self, segment: int) -> str:
        return self._path(segment).read_text(encoding="utf-8", errors="replace")

    def _make(self, segment: int) -> bool:
        try:
            with self._path(segment).open("x", encoding="utf-8") as file:
                file.write(self._text())
        except (FileExistsError, FileNotFoundError):  # the latter: the folder has gone
            return False
        self._held.add(segment)
        self._seen.pop(segment, None)
        return True

    def _is_dead(self, segment: int) -> bool:
        try:
            text = self._read(segment)
        except OSError:
            return True  # just released
        host, _, rest = text.partition(" ")
        pid = rest.partition(" ")[0]
        # Windows does not tell whether a process runs
        if sys.platform != "win32" and host == self._host and pid.isdecimal():
            if not is_running(int(pid)):
                return True
        before, since = self._seen.get(segment, (None, 0.0))
        if text != before:
            self._seen[segment] = (text, self._clock())
            return False
        return self._clock() - since > LEASE

    def _bury(self, segment: int) -> None:
        """Remove a dead claim: of several who try, one moves it away."""
        grave = self._folder / f"{segment:05d}.{os.getpid()}.{next(_counter)}.dead"
        with suppress(OSError):
            os.rename(self._path(segment), grave)
            grave.unlink()
