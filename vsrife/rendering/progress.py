"""Telling how far a render is: a bar, a line a minute, or JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from vsrife.messages import Voice, say

LINE_EVERY = 60.0  # seconds
JSON_EVERY = 1.0
_Clock = Callable[[], float]
type Size = Callable[[], int]


class Progress(Protocol):
    """Hears how far a render is."""

    def begin(self, what: str, total: int, done: int = 0, size: Size | None = None) -> None:
        """A phase begins: "read" (percent), "mark", "render" or "join" (frames).

        done: so many are done already. size: gives the bytes of OUT that are written so far.
        """
        ...

    def update(self, done: int) -> None:
        """So many are done."""
        ...


class Silent:
    """Default listener: ignores progress."""

    def begin(self, what: str, total: int, done: int = 0, size: Size | None = None) -> None:
        pass

    def update(self, done: int) -> None:
        pass


_WORDS = {"read": "reading", "mark": "looking for cuts", "render": "", "join": "joining"}


class Pace:
    """How fast a phase is: frames per second of this run, seconds left, and bytes so far."""

    def __init__(self, total: int, done: int, clock: _Clock, size: Size | None = None) -> None:
        self.total, self._first, self._clock = total, done, clock
        self._begin = self._asked = clock()
        self._size, self._written = size, None if size is None else size()

    def fps(self, done: int) -> float:
        return (done - self._first) / max(self._clock() - self._begin, 1e-9)

    def left(self, done: int) -> float:
        return (self.total - done) / max(self.fps(done), 1e-9)

    def written(self) -> int | None:
        """As of a second ago at most, since all files of segments are asked."""
        if self._size is not None and self._clock() >= self._asked + JSON_EVERY:
            self._written, self._asked = self._size(), self._clock()
        return self._written


class Lines:
    """A line a minute, for logs and pipes."""

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        self._clock = clock

    def begin(self, what: str, total: int, done: int = 0, size: Size | None = None) -> None:
        self._what, self._pace = _WORDS[what], Pace(total, done, self._clock, size)
        self._next = self._clock() + LINE_EVERY

    def update(self, done: int) -> None:
        if self._clock() < self._next or done >= self._pace.total:
            return
        self._next = self._clock() + LINE_EVERY
        say(self._text(done))

    def _text(self, done: int) -> str:
        pace = self._pace
        if self._what == _WORDS["read"]:
            return f"reading, {done} %"
        what = f"{self._what}: " if self._what else ""
        # before the first frames nobody knows how long
        left = f", {duration(pace.left(done))} left" if pace.fps(done) > 1e-6 else ""
        speed = f"{pace.fps(done):.2f} fps{left}"
        return f"{what}{done}/{pace.total} frames, {speed}{_written(pace)}{_memory()}"


class JsonLines:
    """A JSON object a second on stdout: phase, done, total, fps, seconds_left, memory_mib; written
    (bytes) where it is known."""

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        self._clock = clock

    def begin(self, what: str, total: int, done: int = 0, size: Size | None = None) -> None:
        self._what, self._pace = what, Pace(total, done, self._clock, size)
        self._next = self._clock()
        self.update(done)

    def update(self, done: int) -> None:
        pace = self._pace
        if self._clock() < self._next and done < pace.total:
            return
        self._next = self._clock() + JSON_EVERY
        fps, written = pace.fps(done), pace.written()
        emit(
            phase=self._what,
            done=done,
            total=pace.total,
            fps=round(fps, 3),
            seconds_left=round(pace.left(done), 1) if fps > 1e-6 else None,
            memory_mib=memory_mib(),
            **({} if written is None else {"written": written}),
        )


def emit(**fields: object) -> None:
    """Write a JSON object as a line to stdout."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Bar:
    """A bar on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.progress import TimeRemainingColumn as TimeLeft

        text, speed = (TextColumn("{task.fields[" + name + "]}") for name in ("what", "speed"))
        columns = (text, BarColumn(), MofNCompleteColumn(), speed, TimeLeft())
        self._bar = RichProgress(*columns, console=Console(file=cast(IO[str], Voice())))
        self._task = self._bar.add_task("", total=None, what="", speed="")

    def begin(self, what: str, total: int, done: int = 0, size: Size | None = None) -> None:
        self._pace = Pace(total, done, time.monotonic, size)
        self._bar.reset(self._task, total=total, completed=done, what=_WORDS[what], speed="")

    def update(self, done: int) -> None:
        speed = f"{self._pace.fps(done):.2f} fps{_written(self._pace)}{_memory()}"
        self._bar.update(self._task, completed=done, speed=speed)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()


@contextmanager
def listener(*, as_json: bool) -> Iterator[Progress]:
    """Progress for this process: JSON lines if asked for, a bar on a terminal, else lines."""
    if as_json:
        yield JsonLines()
    elif Voice().isatty():
        with Bar() as bar:
            yield bar
    else:
        yield Lines()


def duration(seconds: float) -> str:
    """Seconds in words: 45 s, 12 min, 3 h 20 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def megabytes(size: float) -> str:
    """Bytes in words: 12.3 MB, 0.012 MB."""
    return f"{size / 1e6:.{1 if size >= 1e6 else 3}f} MB"


def memory_mib() -> int | None:
    """Most memory that this process has held, in MiB; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most // (1 << 20 if sys.platform == "darwin" else 1 << 10))  # bytes on macOS


def _written(pace: Pace) -> str:
    written = pace.written()
    return f", {megabytes(written)} written" if written else ""


def _memory() -> str:
    most = memory_mib()
    return "" if most is None else f", {most} MiB of memory"
