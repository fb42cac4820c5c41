"""ONNX files as models, run as they are: our own exports and those of vs-mlrt and VSGAN.

None but our own says how far a frame can be trusted. They move three channels and clamp them; alpha
fades, then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vsrife.errors import ModelError, printable
from vsrife.inference import arrays, three_frames
from vsrife.inference.arrays import Array
from vsrife.inference.base import BESIDE, Planes, Rhythm, Settings, Shared, identity
from vsrife.inference.graphs.graph_file import (
    check_baked,
    fitted_size,
    input_of,
    inputs_of,
    read_file,
    shape_of,
    static,
)
from vsrife.inference.graphs.graph_network import Engine, Program, doubled_size, too_large, widened
from vsrife.inference.graphs.graph_parts import DOUBLED, ENCODER, load_beside
from vsrife.inference.three_frames import Three
from vsrife.network.options import V1_PLANES, VSGAN_PLANES


class FileNetwork:
    """A file's graphs, ready to run."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.file = file = read_file(settings.weights)
        check_baked(file, settings)
        self.size = fitted_size(file, settings.width, settings.height)
        self.engine, self.scale = engine, settings.scale
        self.input = next(v.name for v in inputs_of(file.model))
        self.flow = engine.load(static(file.model, self.size))
        self.encoder: Program | None = None
        pair = not file.planes and not file.three
        if pair and shape_of(input_of(file.model, "left"))[1] > 3:
            self.encoder = engine.load(static(load_beside(file, ENCODER), self.size))
        self._doubled: Program | None = None
        self._wide = doubled_size(self.size, file.unit)
        if any(output.name == "largest" for output in file.model.graph.output):
            self._doubled = engine.load(static(load_beside(file, DOUBLED), self._wide))
        self._try()

    def encode(self, image: Array) -> Any:
        """Features of an image (1, 3, H, W) in 0..1, padded; on the device."""
        features = self.engine.put(image)
        if self.encoder is None:
            return features
        return self.encoder.run({"image": features}, stay=True)["features"]

    def feeds(self, left: Any, right: Any, timestep: float) -> dict[str, Any]:
        """What our own take; left, right: as `encode` gives them, of three frames `Three` of it."""
        frames = {"left": left, "right": right}
        if self.file.three:
            frames = three_frames.feeds(left, right, timestep)
            timestep = three_frames.time_of(timestep)
        t = np.full(_times_shape(self), timestep, self.file.dtype)
        return {**frames, "timestep": self.engine.put(t)}

    def stacked(self, left: Array, right: Array, timestep: float) -> dict[str, Any]:
        """What the files of others take, in one input (1, planes, H, W)."""
        (width, height), planes = self.size, self.file.planes
        stack = np.empty((1, planes, height, width), self.file.dtype)
        stack[:, :3], stack[:, 3:6], stack[:, 6] = left, right, timestep
        if planes == VSGAN_PLANES:
            stack[:, 7] = self.scale
        elif planes == V1_PLANES:  # where each pixel is, -1..1, and what moves it by 1
            stack[:, 7] = np.linspace(-1, 1, width, dtype=np.float32)
            stack[:, 8] = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
            stack[:, 9] = 2 / max(width - 1, 1)
            stack[:, 10] = 2 / max(height - 1, 1)
        return {self.input: self.engine.put(stack)}

    def _try(self) -> None:
        """ModelError unless a new frame can be made: what a graph does with its inputs is known
        when it has been run."""
        black = np.zeros((1, 3, *self.size[::-1]), self.file.dtype)
        runs: list[tuple[dict[str, Array], tuple[int, int]]] = []
        try:
            if self.file.planes:
                found = self.flow.run(self.stacked(black, black, 0.5))
                found = {"image": next(iter(found.values()))}
            else:
                features = self.encode(black)
                if self.file.three:
                    features = Three(features, features, features)
                feeds = self.feeds(features, features, 0.5)
                found = self.flow.run(feeds)
                if self._doubled is not None:
                    wide = widened(self.engine, feeds, self.size, self._wide)
                    runs.append((self._doubled.run(wide), self._wide))
        except Exception as error:  # each runtime has its own, and none says whose fault it is
            text = printable(" ".join(str(error).split())) or type(error).__name__
            raise ModelError(
                f"model file {self.file.path} cannot make a frame of {self.size[0]}x{self.size[1]}"
                f" ({text}); export or fetch it again"
            ) from error
        for outputs, size in [(found, self.size), *runs]:
            _check_outputs(self.file.path, outputs, size)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        found = self.flow.run(feeds)
        if self._doubled is None or not too_large(found):
            return found
        return self._doubled.run(widened(self.engine, feeds, self.size, self._wide))


_networks: Shared[FileNetwork] = Shared()


def open_session(
    kind: str, settings: Settings, open_engine: Callable[[Settings], Engine]
) -> FileSession:
    """A session of backend `kind` for the file that `settings` names."""
    key = (kind, settings.precision, identity(settings))
    return FileSession(_networks.get(key, lambda: FileNetwork(settings, open_engine(settings))))


@dataclass(frozen=True, eq=False)
class Prepared:
    """features: what the graph reads, on the device for our own, else (1, 3, H, W), of three frames
    `Three` of it; alpha: (h, w), where there is any."""

    features: Any
    alpha: Array | None


class FileSession:
    """See `base.Session`."""

    def __init__(self, network: FileNetwork) -> None:
        self._network = network
        outputs = {output.name for output in network.file.model.graph.output}
        self.tells = frozenset(outputs & {"confidence"})
        if network.file.three:
            self.tells |= {BESIDE}

    def prepare(self, planes: Planes) -> Prepared:
        frames = three_frames.split(planes) if self._network.file.three else (planes,)
        features = [self._features(each[:3]) for each in frames]
        own = frames[0]
        alpha = np.array(own[3], np.float32) if len(own) > 3 else None
        return Prepared(Three(*features) if self._network.file.three else features[0], alpha)

    def _features(self, planes: Planes) -> Any:
        net = self._network
        image = arrays.padded(planes, net.size).clip(0, 1).astype(net.file.dtype, copy=False)
        return image if net.file.planes else net.encode(image)

    def interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float | None:
        net = self._network
        if net.file.planes:
            found = net.run(net.stacked(left.features, right.features, timestep))
            image = next(iter(found.values()))
        else:
            found = net.run(net.feeds(left.features, right.features, timestep))
            image = found["image"]
        arrays.write(image.clip(0, 1), into[:3])
        if left.alpha is not None and right.alpha is not None:
            np.copyto(into[3], left.alpha + np.float32(timestep) * (right.alpha - left.alpha))
        return float(found["confidence"][0]) if "confidence" in found else None

    def motion(self, left: Prepared, right: Prepared) -> Any:
        raise NotImplementedError  # not among what it tells


def _times_shape(net: FileNetwork) -> tuple[int, int, int, int]:
    paced = shape_of(input_of(net.file.model, "timestep"))[2:] != [1, 1]
    return (1, 1, net.size[1], net.size[0]) if paced else (1, 1, 1, 1)


def _check_outputs(path: Path, found: Mapping[str, Array], size: tuple[int, int]) -> None:
    """ModelError unless they are what a frame of that width and height is made of."""
    shapes = {"image": (1, 3, *size[::-1]), "confidence": (1,), "largest": (1, 2)}
    for name, shape in shapes.items():
        value = found.get(name)
        if value is None and name != "image":
            continue
        if value is None or value.shape != shape or value.dtype.kind != "f":
            given = ", ".join(f"{printable(n)} {a.shape} {a.dtype}" for n, a in found.items())
            raise ModelError(
                f"model file {path} gives {given}, where {name} {shape} of floating point is "
                "needed; export or fetch it again"
            )
