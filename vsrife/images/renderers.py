"""From pictures to new pictures: what stands between frames and a session of a backend."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vsrife.detection.luma import Pixels
from vsrife.inference.base import BESIDE, Session


class Renderer(Protocol):
    """Makes pictures (C, H, W), see `kinds`. three: of three frames, so `prepare` takes those
    before and after a picture, too."""

    three: bool

    def prepare(self, picture: Pixels, *beside: Pixels) -> Any:
        """What one picture contributes to all new ones beside it."""
        ...

    def make(
        self, left: Any, right: Any, timestep: float, like: Pixels
    ) -> tuple[Pixels, float | None]:
        """A new picture of its own, and how far to trust it, 0..1, None if that is not known.

        left, right: as `prepare` gives them; like: a picture of that shape, on that device.
        """
        ...


class InMemory:
    """See `Renderer`: pictures that are arrays, by any backend."""

    def __init__(self, session: Session) -> None:
        self._session, self.three = session, BESIDE in session.tells

    def prepare(self, picture: NDArray[Any], *beside: NDArray[Any]) -> Any:
        return self._session.prepare([p for each in (picture, *beside) for p in _planes(each)])

    def make(
        self, left: Any, right: Any, timestep: float, like: NDArray[Any]
    ) -> tuple[NDArray[np.float32], float | None]:
        new = np.empty(like.shape, np.float32)
        return new, self._session.interpolate(left, right, timestep, _planes(new))


def _planes(picture: NDArray[Any]) -> list[NDArray[Any]]:
    """Three planes for the network (a grey one three times), then alpha if there is one."""
    colours = 3 if len(picture) > 2 else 1
    return [*picture[:colours]] * (3 // colours) + [*picture[colours:]]
