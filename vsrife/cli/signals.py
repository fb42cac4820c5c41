"""One handler for all signals that end a command, however many come and whatever it is doing.

The first raises KeyboardInterrupt in the main thread, so that a command takes its files along.
Those that follow within a second are the same wish, repeated. What comes later, or a signal that
Python cannot see to because the main thread is deep in a plugin, ends the process from another
thread: files in progress are removed, and nothing else runs.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

PATIENCE = 1.0  # seconds, for the main thread to hear of a signal, and between two wishes
AGAIN = 0.05  # seconds after which an interrupt that went under is raised once more
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Windows has the last, and not the third


class Ending:
    """What is known of the signals so far.

    interrupted: one has come. own: this process does nothing after the command; its handlers stay.
    """

    def __init__(self) -> None:
        self.interrupted = self.own = False

    def finish(self, code: int) -> None:
        """The work is done, with this exit code, and no signal changes that any more."""
        self.own = True
        if self.interrupted:  # frames in the making, torn down with the core, could abort it
            leave(code)
        for number in _heeded():
            signal.signal(number, lambda *signalled: leave(code))


@contextmanager
def ending(end: Callable[[], None]) -> Iterator[Ending]:
    """Let SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once, and `end` the rest.

    end: called from another thread where the main thread does not listen; must not return.
    """
    state = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield state  # Python takes handlers from the main thread only
        return
    watch = _Watch(end)

    def hear(number: int, frame: object) -> None:
        watch.heard.set()
        if not state.interrupted:
            state.interrupted = True
            raise KeyboardInterrupt

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            reporting(lost)
            return
        # it struck where nothing can be raised, in a destructor
        threading.Timer(AGAIN, again).start()

    def again() -> None:
        # not before: a signal that raises in the hook above would be lost for good
        state.interrupted = False
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.signal(number, hear) for number in _heeded()}
    reporting, sys.unraisablehook = sys.unraisablehook, unraisable
    watch.start()
    try:
        yield state
    finally:
        if not state.own:
            watch.stop()
            sys.unraisablehook = reporting
            for number, handler in before.items():
                signal.signal(number, handler)


def _heeded() -> list[signal.Signals]:
    """The signals that end a process here; under nohup, SIGHUP does not."""
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    return [number for number in known if signal.getsignal(number) != signal.SIG_IGN]


class _Watch:
    """A thread that learns of every signal at once, also while the main thread runs no Python."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end, self.heard, self._stopped = end, threading.Event(), False
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True, name="vsrife signals")

    def start(self) -> None:
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()

    def stop(self) -> None:
        signal.set_wakeup_fd(self._before)
        self._stopped = True
        self._writer.send(b"x")  # closing would not do: a forked process may hold the other end
        self._thread.join()
        self._writer.close()
        self._reader.close()

    def _run(self) -> None:
        first: float | None = None
        with suppress(OSError):
            while self._reader.recv(64) and not self._stopped:
                now = time.monotonic()
                if first is None:
                    first = now
                    deaf = not self.heard.wait(PATIENCE)
                else:
                    deaf = now - first > PATIENCE
                if deaf:
                    self._end()


def leave(code: int) -> NoReturn:
    """End the process at once, with what it has said."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
