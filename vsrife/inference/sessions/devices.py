"""device=["cuda:0", "cuda:1"]: a session that shares frames out over several devices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from vsrife.inference.base import Planes, Rhythm, Session
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.held import Held, prepared_pair
from vsrife.inference.sessions.regions import Region


class _Frame(Held):
    """number: of the source frame, which decides where the frames behind it are made."""

    def __init__(self, planes: Planes, number: int) -> None:
        super().__init__(planes)
        self.number = number


class DevicesSession:
    """See `base.Session`. All new frames of a pair are made on one device: that of the number of
    its left frame, so bytes never depend on who asks when."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        """sessions: the same network with the same settings, one for each device."""
        self._sessions = tuple(sessions)
        self._numbers = itertools.count()
        self.tells = frozenset.intersection(*(session.tells for session in sessions))

    @property
    def count(self) -> int:
        """Devices."""
        return len(self._sessions)

    def prepare(self, planes: Planes, number: int | None = None) -> _Frame:
        """number: of the source frame; None: the next one."""
        return _Frame(planes, next(self._numbers) if number is None else number)

    def interpolate(
        self,
        left: _Frame,
        right: _Frame,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        session = self._session(left)
        pair = prepared_pair(session, left, right)
        return session.interpolate(*pair, timestep, into, rhythm)

    def motion(self, left: _Frame, right: _Frame) -> Any:
        session = self._session(left)
        return session.motion(*prepared_pair(session, left, right))

    def region(self, left: _Frame, right: _Frame) -> Region | None:
        """As of `ChangedSession`; None where whole pictures are computed."""
        session = self._session(left)
        if not isinstance(session, ChangedSession):
            return None
        return session.region(*prepared_pair(session, left, right))

    def _session(self, left: _Frame) -> Session:
        return self._sessions[left.number % len(self._sessions)]
