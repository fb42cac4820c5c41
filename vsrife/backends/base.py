"""What every backend offers: arrays in, arrays out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Planes = Sequence[NDArray[np.generic]]


@dataclass(frozen=True)
class Settings:
    """How to run a network.

    weights: file; model: name that says which network they must be, None to read it off them;
    half: fp16 weights and convolutions; clamp: new pictures stay in 0..1, as vs-rife's do, instead
    of keeping what goes beyond; width, height: pixels of a frame, before padding; device:
    name, or None to choose the best there is; device_index: which of several.
    """

    weights: Path
    model: str | None
    scale: float
    ensemble: bool
    half: bool
    clamp: bool
    width: int
    height: int
    device: str | None
    device_index: int


class Rhythm(NamedTuple):
    """Motion into the left frame, from it into the right one, and on from there.

    As `Session.motion` gives it; None where there is none, beyond a cut or the ends of the clip.
    """

    before: Any
    between: Any
    after: Any


class Session(Protocol):
    """A network on a device, ready for frames of one size. Calls may come from any thread."""

    def prepare(self, planes: Planes) -> Any:
        """What one source frame contributes to all new frames beside it, kept on the device.

        planes: R, G, B as (height, width) arrays, float32 or float16; motion is found on them
        clamped to 0..1. Further planes (alpha) are moved along with them.
        """
        ...

    def interpolate(
        self, left: Any, right: Any, timestep: float, into: Planes, rhythm: Rhythm | None = None
    ) -> float | None:
        """Write the picture at `timestep` (left 0 < timestep < 1 right) into the planes `into`,
        as many as were prepared. Gives how far it can be trusted, 0..1; None if that is unknown.

        rhythm: the pace of the drawing (see `Rhythm`), for sessions that have `motion`.
        """
        ...

    def motion(self, left: Any, right: Any) -> Any:
        """How far what is seen moves from one frame to the next, for `Rhythm`."""
        ...


class Backend(Protocol):
    def open_session(self, settings: Settings) -> Session:
        """ModelError for a bad weights file, ArgumentError for what the network cannot do,
        BackendError for a device that is not there."""
        ...


class Recent[Value]:
    """The most recently used values by key, at most `size`: bounded under any order of use."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value
