"""A session that goes on when memory runs out: fewer frames at a time, then tiles."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, runtime_checkable
from weakref import WeakSet

import numpy as np

from vsrife.errors import BackendError, RifeError
from vsrife.inference.base import Note, Planes, Rhythm, Session, silent
from vsrife.inference.sessions import tiles
from vsrife.inference.sessions.held import Held, prepared_pair
from vsrife.inference.sessions.out_of_memory import forget, is_out_of_memory, reason_of
from vsrife.inference.sessions.tiles import Tiling
from vsrife.inference.source_planes import SourcePlanes

_WAY_OUT = "choose a smaller model, precision='fp16' or another device, or give it smaller frames"


class Step(NamedTuple):
    """A way to go on. most: new frames that are made at a time; tiling: None for whole frames."""

    most: int
    tiling: Tiling | None


def steps_of(width: int, height: int, streams: int, overlap: int) -> list[Step]:
    """All ways for frames of that size, pixels, each with less memory than the one before."""
    steps = [Step(most, None) for most in dict.fromkeys((streams, 1))]
    return steps + [Step(1, each) for each in tiles.tilings(width, height, overlap)]


class _Run(NamedTuple):
    """A step with its session."""

    step: Step
    session: Session


class LowMemorySession:
    """See `base.Session`. After each step down it stays there; no frame is lost.

    Other errors of a runtime, such as those of a driver that fails, reach the frame as a
    `BackendError` of one line.
    """

    def __init__(
        self,
        open_size: Callable[[int, int], Session],
        steps: Callable[[], list[Step]],
        size: tuple[int, int],
        *,
        first: Session | None = None,
        owned: bool = False,
        note: Note = silent,
    ) -> None:
        """open_size: opens the network for a width and a height, pixels. size: of the frames.
        steps: gives at least one. first: the session of the first one, None: it is opened here.
        owned: as of `Held`. note: hears of each step down."""
        self._open, self._find_steps, self._size = open_size, steps, size
        self._owned, self._note = owned, note
        self._changed = threading.Condition()  # guards all below
        self._inside = 0
        self._at = 0
        self._held: WeakSet[Held] = WeakSet()
        self._session = first
        self.tells = (
            self._attempt(lambda run: run.session.tells, opening=True)
            if first is None
            else first.tells
        )

    @functools.cached_property
    def _steps(self) -> list[Step]:
        return self._find_steps()

    @property
    def step(self) -> Step:
        """The step that is reached."""
        return self._steps[self._at]

    @property
    def bare(self) -> Session:
        """The session that makes whole frames, or tiles."""
        return self._opened(self._at)

    def prepare(self, planes: Planes) -> Held:
        frame = Held(planes, owned=self._owned)
        with self._changed:
            self._held.add(frame)

        def work(run: _Run) -> None:
            if run.step.tiling is None:
                frame.prepared(run.session)

        self._attempt(work)
        return frame

    def interpolate(
        self,
        left: Held,
        right: Held,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        def work(run: _Run) -> float | None:
            if run.step.tiling is None:
                pair = prepared_pair(run.session, left, right)
                return run.session.interpolate(*pair, timestep, into, rhythm)
            return _in_tiles(run.session, run.step.tiling, left, right, timestep, into, rhythm)

        return self._attempt(work)

    def motion(self, left: Held, right: Held) -> Any:
        def work(run: _Run) -> Any:
            if run.step.tiling is None:
                pair = prepared_pair(run.session, left, right)
                return run.session.motion(*pair)
            first, second = (_picture_of(frame, run.session) for frame in (left, right))
            return tiles.motion(run.session, run.step.tiling, first, second)

        return self._attempt(work)

    def _attempt[Result](self, work: Callable[[_Run], Result], *, opening: bool = False) -> Result:
        """`work` on the first step for which memory suffices; opening: it makes no frame."""
        while True:
            with self._turn() as at:
                try:
                    return work(_Run(self._steps[at], self._opened(at)))
                except Exception as error:  # each runtime fails in ways of its own
                    if not is_out_of_memory(error):
                        if opening or isinstance(error, RifeError):
                            raise
                        raise _failed(error) from error
                    reason = reason_of(error)
                    forget(error)
            # out of the except block: an error keeps what the runtime had allocated
            self._step_down(at, reason)

    @contextmanager
    def _turn(self) -> Iterator[int]:
        """The step in force; waits until it has room for one more frame."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside < self.step.most)
            self._inside += 1
            at = self._at
        try:
            yield at
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _opened(self, at: int) -> Session:
        with self._changed:
            if self._session is None or at != self._at:
                tiling = self._steps[at].tiling
                self._session = self._open(*(self._size if tiling is None else tiling.size))
            return self._session

    def _step_down(self, at: int, reason: str) -> None:
        """From step `at`, unless another frame has done it. What goes on then waits in `_turn` for
        the frames that began before."""
        with self._changed:
            if at != self._at:
                return
            width, height = self._size
            if at + 1 == len(self._steps):
                raise BackendError(
                    f"out of memory for frames of {width}x{height}, {_text(self.step)}: {reason}; "
                    f"{_WAY_OUT}"
                )
            for frame in self._held:
                frame.forget()
            if self._steps[at + 1].tiling is not None:
                self._session = None
            gc.collect()  # sessions and their schedulers know each other
            self._at = at + 1
            self._note(
                f"out of memory for frames of {width}x{height} ({reason}): from here on "
                f"{_text(self.step)}, which is slower"
            )
            self._changed.notify_all()


@runtime_checkable
class _Converting(Protocol):
    """A session that takes `SourcePlanes`, see `pytorch.TorchSession`."""

    def decoded(self, planes: SourcePlanes) -> Planes: ...

    def encoded(self, picture: Planes, into: SourcePlanes) -> None: ...


def _in_tiles(
    session: Session,
    tiling: Tiling,
    left: Held,
    right: Held,
    timestep: float,
    into: Planes,
    rhythm: Rhythm | None,
) -> float | None:
    """As `Session.interpolate`. Tiles are parts of the network's picture, not of a clip's planes,
    whose chroma may be subsampled."""
    first, second = (_picture_of(frame, session) for frame in (left, right))
    if not isinstance(into, SourcePlanes):
        return tiles.interpolate(session, tiling, first, second, timestep, into, rhythm)
    new = [np.empty(plane.shape, np.float32) for plane in first]
    sure = tiles.interpolate(session, tiling, first, second, timestep, new, rhythm)
    _converting(session).encoded(new, into)
    return sure


def _picture_of(frame: Held, session: Session) -> Planes:
    return frame.pictures(lambda planes: _converting(session).decoded(planes))


def _converting(session: Session) -> _Converting:
    if not isinstance(session, _Converting):
        raise TypeError("a clip's own planes were given to a session that does not take them")
    return session


def _failed(error: Exception) -> BackendError:
    return BackendError(
        f"the network failed on this frame ({reason_of(error)}); if a device or its driver is "
        "gone, start again, or name another device"
    )


def _text(step: Step) -> str:
    if step.tiling is None:
        return "one frame at a time" if step.most == 1 else f"{step.most} frames at a time"
    width, height = step.tiling.size
    return f"in {len(step.tiling.places)} tiles of {width}x{height}"


def overlap_of(scale: float) -> int:
    """Pixels that neighbouring tiles share: what moves in or out is seen by both."""
    return int(np.ceil(64 / min(1.0, scale)))
