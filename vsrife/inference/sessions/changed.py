"""A session that runs the network only where something changes between two frames.

Where both are equal, the new frame is the left one. Knows sessions and arrays alone.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from vsrife.errors import BackendError
from vsrife.inference.base import Note, Planes, Recent, Rhythm, Session, own_planes, silent
from vsrife.inference.sessions import regions
from vsrife.inference.sessions.regions import Array, Layout, Region
from vsrife.network.table import arch_of
from vsrife.weights import model_name

_UNIT = 64  # pixels; of most networks, for files whose network is not known yet
_COLOURS = 3  # planes of a picture that are clamped; alpha follows


def layout_of(
    width: int, height: int, model: str | os.PathLike[str] | None, scale: float
) -> Layout:
    """Regions of a picture of that size for a network; `model` and `scale` as in rife()."""
    name, least = model_name(model), min(1.0, scale)
    unit = arch_of(name).pad_unit(scale) if name else int(_UNIT / least)
    return Layout(width, height, unit, int(regions.MARGIN / least))


class Counts(NamedTuple):
    """Pixels that the network computed, and those of whole pictures, since the session began."""

    computed: int
    whole: int

    @property
    def share(self) -> float:
        return self.computed / self.whole if self.whole else 0.0


@dataclass(eq=False)  # each is a frame of its own, a key of the cache of pairs
class _Frame:
    """planes: of the source, copies of finite numbers. whole: prepared by the whole network, when
    that is first needed."""

    planes: Planes
    lock: threading.Lock = field(default_factory=threading.Lock)
    whole: Any = None


class _Part(NamedTuple):
    """Two frames' region, prepared by the session for its size; no session if it is empty."""

    region: Region
    session: Session | None
    left: Any
    right: Any


class ChangedSession:
    """See `base.Session`. The network sees the region in which two frames differ; outside, and
    where nothing differs, the new frame has the left frame's samples.

    With a rhythm it sees the whole picture: the cadence is found by motion in three pairs.
    """

    def __init__(
        self,
        whole: Session,
        layout: Callable[[], Layout],
        open_part: Callable[[int, int], Session],
        *,
        threshold: float = 0.0,
        clamp: bool = False,
        pairs: int = 2,
        note: Note = silent,
    ) -> None:
        """whole: of the picture's size. layout: gives the layout, when a frame first needs it.
        open_part: opens the same network for a width and a height, pixels; called once for each of
        `layout.sizes` that is needed.

        threshold: largest difference of samples that count as equal, in their unit, 0..1. clamp: as
        in `Settings`. pairs: of frames that are in use at a time. note: hears that a region's
        network cannot be opened; the whole one is used instead.
        """
        self.tells = whole.tells
        self._whole, self._find_layout, self._open = whole, layout, open_part
        self._threshold, self._clamp, self._note = threshold, clamp, note
        self._found = Recent[Region | None](pairs)
        self._parts = Recent[_Part](pairs)
        self._sessions: dict[tuple[int, int], Session | None] = {}
        self._lock = threading.Lock()  # of sessions
        self._counting = threading.Lock()
        self._counts = Counts(0, 0)

    @functools.cached_property
    def _layout(self) -> Layout:
        return self._find_layout()

    @property
    def counts(self) -> Counts:
        return self._counts

    def prepare(self, planes: Planes) -> _Frame:
        return _Frame([self._finite(plane, n) for n, plane in enumerate(planes)])

    def _finite(self, plane: Array, number: int) -> Array:
        """A copy of a plane as the network sees it."""
        copy = np.array(plane)
        if not np.isfinite(copy).all():
            np.nan_to_num(copy, copy=False, nan=0, posinf=1, neginf=0)
        if self._clamp and number < _COLOURS:
            np.clip(copy, 0, 1, out=copy)
        return copy

    def region(self, left: _Frame, right: _Frame) -> Region | None:
        """The part of the picture that the network computes between two frames; None: all of it,
        an empty one: nothing, since the frames are equal."""

        def find() -> Region | None:
            region = regions.find_region(
                self._layout, self._own(left), self._own(right), self._threshold
            )
            if region is not None and region.width and self._session(region) is None:
                return None
            return region

        return self._found.get((left, right), find)

    def interpolate(
        self,
        left: _Frame,
        right: _Frame,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        region = None if rhythm is not None else self.region(left, right)
        self._count(region)
        if region is None:
            pair = self._prepared(left), self._prepared(right)
            return self._whole.interpolate(*pair, timestep, into, rhythm)
        part = self._parts.get((left, right), lambda: self._prepare(left, right, region))
        if part.session is None:
            for plane, target in zip(self._own(left), into, strict=True):
                np.copyto(target, plane, casting="same_kind")
            return 1.0 if "confidence" in self.tells else None
        new = [np.empty((region.height, region.width), plane.dtype) for plane in into]
        sure = part.session.interpolate(part.left, part.right, timestep, new)
        regions.join(self._own(left), new, region, self._layout.margin, into)
        # what does not change is certain; the network's own figure is a mean over its pixels
        return None if sure is None else 1 - self._layout.share(region) * (1 - sure)

    def motion(self, left: _Frame, right: _Frame) -> Any:
        return self._whole.motion(self._prepared(left), self._prepared(right))

    def _own(self, frame: _Frame) -> Planes:
        return own_planes(frame.planes, self.tells)

    def _prepared(self, frame: _Frame) -> Any:
        with frame.lock:
            if frame.whole is None:
                frame.whole = self._whole.prepare(frame.planes)
            return frame.whole

    def _prepare(self, left: _Frame, right: _Frame, region: Region) -> _Part:
        session = self._session(region) if region.width else None
        if session is None:
            return _Part(region, None, None, None)
        pair = (session.prepare(regions.crop(frame.planes, region)) for frame in (left, right))
        return _Part(region, session, *pair)

    def _session(self, region: Region) -> Session | None:
        """The session for a region's size; None if it cannot be opened."""
        size = region.width, region.height
        with self._lock:
            if size not in self._sessions:
                try:
                    self._sessions[size] = self._open(*size)
                except (BackendError, MemoryError) as error:
                    self._note(f"no network of {size[0]}x{size[1]} for parts that move: {error}")
                    self._sessions[size] = None
            return self._sessions[size]

    def _count(self, region: Region | None) -> None:
        width, height = self._layout.padded
        whole = width * height
        computed = whole if region is None else region.width * region.height
        with self._counting:
            self._counts = Counts(self._counts.computed + computed, self._counts.whole + whole)
