"""A source frame and what sessions have prepared of it, for sessions that stand before others."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np

from vsrife.inference.base import Planes, Session


class Held:
    """The planes of one source frame; each session that needs them prepares them once.

    Two are never equal: a frame is a key of caches of pairs.
    """

    def __init__(self, planes: Planes, *, owned: bool = False) -> None:
        """owned: nobody else writes into `planes`, so they need no copy."""
        # one array, which PyTorch can take up as it is
        self.planes = planes if owned else cast(Planes, np.stack(planes))
        self._lock = threading.Lock()
        self._prepared: dict[Session, Any] = {}

    def prepared(self, session: Session) -> Any:
        """What `session.prepare` gives for it."""
        with self._lock:
            if session not in self._prepared:
                self._prepared[session] = session.prepare(self.planes)
            return self._prepared[session]

    def forget(self) -> None:
        """Let go of all that was prepared; it is made anew when it is needed."""
        with self._lock:
            self._prepared.clear()
