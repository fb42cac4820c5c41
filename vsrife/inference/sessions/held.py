"""A source frame and what sessions have prepared of it, for sessions that stand before others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from vsrife.inference.base import Planes, Session
from vsrife.inference.source_planes import SourcePlanes


class Held:
    """The planes of one source frame; each session that needs them prepares them once.

    Two are never equal: a frame is a key of caches of pairs.
    """

    def __init__(self, planes: Planes, *, owned: bool = False) -> None:
        """owned: nobody else writes into `planes`, so they need no copy."""
        self.planes = planes if owned else _copied(planes)
        self._lock = threading.Lock()
        self._prepared: dict[Session, Any] = {}
        self._decoded: Planes | None = None

    def prepared(self, session: Session) -> Any:
        """What `session.prepare` gives for it."""
        with self._lock:
            if session not in self._prepared:
                self._prepared[session] = session.prepare(self.planes)
            return self._prepared[session]

    def pictures(self, decode: Callable[[SourcePlanes], Planes]) -> Planes:
        """Its planes as the network's picture. decode: makes it where a clip's own planes are
        held."""
        if not isinstance(self.planes, SourcePlanes):
            return self.planes
        with self._lock:
            if self._decoded is None:
                self._decoded = decode(self.planes)
            return self._decoded

    def forget(self) -> None:
        """Let go of all that was prepared; it is made anew when it is needed."""
        with self._lock:
            self._prepared.clear()


def prepared_pair(session: Session, left: Held, right: Held) -> tuple[Any, Any]:
    """What `session` has prepared of two frames."""
    return left.prepared(session), right.prepared(session)


def _copied(planes: Planes) -> Planes:
    if isinstance(planes, SourcePlanes):
        return planes.copy()
    # one array, which PyTorch can take up as it is
    return cast(Planes, np.stack(planes))
