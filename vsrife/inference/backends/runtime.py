"""Sessions of networks as graphs: those of ONNX Runtime and OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vsrife.inference import arrays, three_frames
from vsrife.inference.arrays import Array
from vsrife.inference.base import (
    BESIDE,
    TELLS_ALL,
    Planes,
    Recent,
    Rhythm,
    Session,
    Settings,
    Shared,
    identity,
)
from vsrife.inference.graphs.graph_network import Engine, Network
from vsrife.inference.three_frames import Three
from vsrife.network.own import triple
from vsrife.network.table import CADENCE_CELL


@dataclass(frozen=True, eq=False)  # arrays have no equality of their own
class Prepared:
    """What is kept of a source frame, padded, on the device.

    features: what the network reads of it, by what follows `left` or `right` in the names of the
    graphs' inputs; pictures (1, C, H, W): what it puts together if that is more than the three
    channels it reads, clamped; channels: C, 3 without pictures.
    """

    features: Mapping[str, Any]
    pictures: Any | None
    channels: int


# Filters with the same weights and settings share one network; it goes with the last of them.
_networks: Shared[Network] = Shared()


def open_session(
    kind: str, settings: Settings, open_engine: Callable[[Settings], Engine]
) -> Session:
    """A session of backend `kind`, with the network of others that have the same settings."""
    key = (kind, identity(settings))
    network = _networks.get(key, lambda: Network(settings, open_engine(settings)))
    # two pairs for each new frame that is made at a time: a request may step back
    matched = Recent[dict[str, Any]](2 * settings.hardware.num_streams)
    session = GraphSession(network, settings.clamp, matched)
    return TripleSession(network, session) if network.three else session


@dataclass(eq=False)
class GraphSession:
    """See `base.Session`. clamp: as in `Settings`; matched: what new frames of a pair share."""

    _network: Network
    _clamp: bool
    _matched: Recent[dict[str, Any]]

    tells: frozenset[str] = field(default=TELLS_ALL, init=False)

    def prepare(self, planes: Planes) -> Prepared:
        image = arrays.padded(planes, self._network.size)
        features = self._network.encode(image[:, :3])
        if self._clamp and image.shape[1] == 3:
            return Prepared(features, None, 3)
        if self._clamp:
            image[:, :3] = image[:, :3].clip(0, 1)
        return Prepared(features, self._network.engine.put(image), image.shape[1])

    def interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float:
        put = self._network.engine.put
        times = np.full((1, 1, 1, 1), timestep, np.float32)
        if rhythm is not None:
            times = arrays.timesteps(timestep, *rhythm, self._network.size)
        feeds = {**self._inputs(left, right), "timestep": put(times)}
        pictures = {"left_picture": left.pictures, "right_picture": right.pictures}
        return _make(self._network, feeds, left, pictures, into, timestep_map=rhythm is not None)

    def motion(self, left: Prepared, right: Prepared) -> Array:
        half = self._network.engine.put(np.full((1, 1, 1, 1), 0.5, np.float32))
        feeds = {**self._inputs(left, right), "timestep": half}
        cells = tuple(-(-side // CADENCE_CELL) for side in self._network.size)
        # a doubled run may have seen a larger picture
        return self._network.run(feeds, motion=True)["motion"][:, :, : cells[1], : cells[0]]

    def _inputs(self, left: Prepared, right: Prepared) -> dict[str, Any]:
        """Inputs of the flow graph but for the timestep and pictures of their own."""
        sides = left.features, right.features
        shared = self._matched.get((left, right), lambda: self._network.match(*sides))
        return self._network.inputs(*sides) | shared


@dataclass(frozen=True, eq=False)
class PreparedThree:
    """What is kept of a source frame, and images (1, 3, H, W) of it and of those beside it."""

    own: Prepared
    images: Three[Any]


@dataclass(eq=False)
class TripleSession:
    """See `base.Session`, for a network of three frames. plain: prepares single frames."""

    _network: Network
    _plain: GraphSession

    tells: frozenset[str] = field(default=TELLS_ALL - {"motion"} | {BESIDE}, init=False)

    def prepare(self, planes: Planes) -> PreparedThree:
        own, *others = three_frames.split(planes)
        prepared = self._plain.prepare(own)
        image = prepared.features[""]
        beside = (image if each is own else self._image(each) for each in others)
        return PreparedThree(prepared, Three(image, *beside))

    def interpolate(
        self,
        left: PreparedThree,
        right: PreparedThree,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float:
        times = np.full((1, 1, 1, 1), three_frames.time_of(timestep), np.float32)
        feeds = three_frames.feeds(left.images, right.images, timestep)
        feeds["timestep"] = self._network.engine.put(times)
        both = left.own.pictures, right.own.pictures
        names = triple.PICTURES if three_frames.is_near(timestep) else triple.PICTURES[::-1]
        pictures = dict(zip(names, both, strict=True))
        return _make(self._network, feeds, left.own, pictures, into)

    def motion(self, left: Any, right: Any) -> Any:
        raise NotImplementedError  # not among what it tells

    def _image(self, planes: Planes) -> Any:
        return self._network.encode(arrays.padded(planes[:3], self._network.size))[""]


def _make(
    network: Network,
    feeds: Mapping[str, Any],
    like: Prepared,
    pictures: Mapping[str, Any],
    into: Planes,
    **changes: Any,
) -> float:
    """A new frame into the planes, and its confidence. like: one of its two frames; pictures: of
    both, by the names of inputs, read if `like` has any; changes: as of `Network.run`."""
    separate = like.pictures is not None
    if separate:
        feeds = {**feeds, **pictures}
    found = network.run(feeds, planes=like.channels, separate=separate, **changes)
    arrays.write(found["image"], into)
    return float(found["confidence"][0])
