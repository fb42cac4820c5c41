"""scale="auto": a session that chooses the scale of each pair.

A network at a lower scale sees further and less sharply. Where motion is found to be small, on both
frames at a quarter of their size, the scale is 1. Where it is large, the new frame half way is made
at several scales, and the one whose confidence is clearly highest serves all frames of the pair.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import BackendError
from vsrife.inference.base import Note, Planes, Recent, Rhythm, Session, silent
from vsrife.inference.sessions.held import Held, prepared_pair
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.table import CADENCE_CELL, Row

AUTO = "auto"
FINEST = 1.0
_COARSER = (0.5, 0.25)  # tried in this order, as long as each is better than the one before
# Pixels from one frame to the next, in all but 5 % of the picture, up to which every network was
# best at scale 1
REACH = 48.0
_SHARE = 95
# By how much the confidence of a coarser scale must be higher. With less, scales were taken that
# lost up to 3 dB on pans of 80 px (4.25); with this, none
_MARGIN = 0.025
# A pyramid is lost beyond its reach: with more, pans of 64 and 96 px were left at scale 1 that 0.5
# does 6 to 10 dB better
_PYRAMID_MARGIN = 0.0
_SHRINK = 4  # pixels each way per pixel of what the motion is found on
_COLOURS = 3


def margin_of(row: Row) -> float:
    """By how much the confidence of a coarser scale must be higher."""
    return _PYRAMID_MARGIN if isinstance(row, PyramidRow) else _MARGIN


class AutoScaleSession:
    """See `base.Session`. With every scale it gives what a session of that scale would."""

    def __init__(
        self,
        open_at: Callable[[float], Session],
        quarter: Session,
        margin: Callable[[], float],
        *,
        pairs: int = 2,
        owned: bool = False,
        note: Note = silent,
    ) -> None:
        """open_at: opens the network at a scale, called once for each; 1 is opened now. quarter:
        the network at scale 1, for frames of `quarter_size`. Both tell motion and confidence.
        margin: gives that of `margin_of`, when it is first needed.

        pairs: of frames that are in use at a time. owned: as of `Held`. note: hears that a scale
        cannot be opened; 1 is used instead.
        """
        self._open, self._quarter, self._margin = open_at, quarter, margin
        self._note = note
        self._owned = owned
        self._chosen = Recent[float](pairs)
        self._lock = threading.Lock()
        self._finest = open_at(FINEST)
        self._sessions = {FINEST: self._finest}
        self.tells = self._finest.tells

    def prepare(self, planes: Planes) -> Held:
        return Held(planes, owned=self._owned)

    def scale(self, left: Held, right: Held) -> float:
        """The scale of new frames between two, the same for all of them."""
        return self._chosen.get((left, right), lambda: self._choose(left, right))

    def interpolate(
        self,
        left: Held,
        right: Held,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        session = self._session(self.scale(left, right))
        pair = prepared_pair(session, left, right)
        return session.interpolate(*pair, timestep, into, rhythm)

    def motion(self, left: Held, right: Held) -> Any:
        session = self._session(self.scale(left, right))
        return session.motion(*prepared_pair(session, left, right))

    def _choose(self, left: Held, right: Held) -> float:
        if self._distance(left, right) <= REACH:
            return FINEST
        best, most = FINEST, self._confidence(left, right, FINEST)
        for scale in _COARSER:
            sure = self._confidence(left, right, scale)
            if sure <= most + self._margin():
                break
            best, most = scale, sure
        return best

    def _distance(self, left: Held, right: Held) -> float:
        """How far all but a few parts of the picture move at most, pixels."""
        small = [quartered(frame.planes[:_COLOURS]) for frame in (left, right)]
        first, second = (self._quarter.prepare(planes) for planes in small)
        cells = self._quarter.motion(first, second)
        rows, columns = (-(-side // CADENCE_CELL) for side in small[0][0].shape)
        return _SHRINK * float(np.percentile(cells[0, 0, :rows, :columns], _SHARE))

    def _confidence(self, left: Held, right: Held, scale: float) -> float:
        session = self._session(scale)
        pair = prepared_pair(session, left, right)
        into = [np.empty(plane.shape, np.float32) for plane in left.planes]
        return session.interpolate(*pair, 0.5, into) or 0.0

    def _session(self, scale: float) -> Session:
        with self._lock:
            if scale not in self._sessions:
                try:
                    self._sessions[scale] = self._open(scale)
                except (BackendError, MemoryError) as error:
                    self._note(f"no network of scale {scale:g} for fast motion: {error}")
                    self._sessions[scale] = self._finest
            return self._sessions[scale]


def quarter_size(width: int, height: int) -> tuple[int, int]:
    return -(-width // _SHRINK), -(-height // _SHRINK)


def quartered(planes: Planes) -> list[NDArray[np.float32]]:
    """Planes (height, width) at a quarter of their size: means of 4x4 pixels, edges repeated."""
    found = []
    for plane in planes:
        down, across = (-side % _SHRINK for side in plane.shape)
        whole = np.pad(np.asarray(plane, np.float32), ((0, down), (0, across)), "edge")
        height, width = (side // _SHRINK for side in whole.shape)
        blocks = whole.reshape(height, _SHRINK, width, _SHRINK)
        with np.errstate(all="ignore"):  # samples that are no numbers
            found.append(blocks.mean(axis=(1, 3)))
    return found
