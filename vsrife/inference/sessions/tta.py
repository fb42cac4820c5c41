"""tta=: a session that makes each frame several ways and takes their mean (test-time augmentation).

A picture that is mirrored, or a pair that is seen backwards in time, has the same true frame; the
errors of a network differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from vsrife.inference.base import Planes, Rhythm, Session
from vsrife.network.table import CADENCE_CELL


class Way(NamedTuple):
    """mirrored: left and right sides of the picture exchanged; backwards: from the right frame to
    the left one."""

    mirrored: bool = False
    backwards: bool = False


WAYS = {
    "flip": (Way(), Way(mirrored=True)),
    "time": (Way(), Way(backwards=True)),
    "both": (Way(), Way(backwards=True), Way(mirrored=True), Way(mirrored=True, backwards=True)),
}


class _Frame(NamedTuple):
    """Prepared, as it is and, if a way needs it, mirrored."""

    straight: Any
    mirrored: Any

    def seen(self, way: Way) -> Any:
        return self.mirrored if way.mirrored else self.straight


class TtaSession:
    """See `base.Session`: the mean of several ways to make a frame."""

    def __init__(self, session: Session, ways: tuple[Way, ...], size: tuple[int, int]) -> None:
        """size: width and height of the frames."""
        self._session, self._ways, self._size = session, ways, size
        self._mirrors = any(way.mirrored for way in ways)
        self.tells = session.tells

    def prepare(self, planes: Planes) -> _Frame:
        straight = self._session.prepare(planes)
        if not self._mirrors:
            return _Frame(straight, None)
        flipped = [np.ascontiguousarray(plane[:, ::-1]) for plane in planes]
        return _Frame(straight, self._session.prepare(flipped))

    def interpolate(
        self,
        left: _Frame,
        right: _Frame,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        total = [np.zeros(plane.shape, np.float32) for plane in into]
        sure: list[float | None] = []
        for way in self._ways:
            new = [np.empty(plane.shape, plane.dtype) for plane in into]
            first, second, at = left.seen(way), right.seen(way), timestep
            if way.backwards:
                first, second, at = second, first, 1 - timestep
            seen = self._rhythm(rhythm, way)
            sure.append(self._session.interpolate(first, second, at, new, seen))
            for plane, fresh in zip(total, new, strict=True):
                np.add(plane, fresh[:, ::-1] if way.mirrored else fresh, out=plane)
        for target, plane in zip(into, total, strict=True):
            np.copyto(target, plane / len(self._ways), casting="same_kind")
        known = [each for each in sure if each is not None]
        return sum(known) / len(known) if known else None

    def motion(self, left: _Frame, right: _Frame) -> Any:
        return self._session.motion(left.straight, right.straight)

    def _rhythm(self, rhythm: Rhythm | None, way: Way) -> Rhythm | None:
        """What the cadence looks like, seen that way."""
        if rhythm is None:
            return None
        if way.backwards:
            rhythm = Rhythm(rhythm.after, rhythm.between, rhythm.before)
        if not way.mirrored:
            return rhythm
        columns = -(-self._size[0] // CADENCE_CELL)
        flipped = (m if m is None else m[:, :, :, :columns][:, :, :, ::-1] for m in rhythm)
        return Rhythm(*flipped)
