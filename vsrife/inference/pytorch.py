"""PyTorch: cuda, rocm, xpu, mps and cpu."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.errors import BackendError
from vsrife.inference.arrays import Array, fitted
from vsrife.inference.base import (
    TELLS_ALL,
    Hardware,
    Planes,
    Recent,
    Rhythm,
    Settings,
    Shared,
    identity,
    read_device,
)
from vsrife.network import build, cadence
from vsrife.network.module import Network, Outcome
from vsrife.network.state_dict import recognise
from vsrife.network.table import CADENCE_CELL
from vsrife.weights import read_weights

DEVICES = ("cuda", "rocm", "xpu", "mps", "cpu")  # in the order in which they are chosen

# Filters with the same weights and settings share one network; it goes with the last of them.
_networks: Shared[Network] = Shared()


def _available() -> dict[str, int]:
    """Kind of device -> how many there are, only those that are there."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    counts = {
        "cuda": 0 if torch.version.hip else gpus,
        "rocm": gpus if torch.version.hip else 0,  # torch calls these cuda, too
        "xpu": torch.xpu.device_count() if torch.xpu.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    return {kind: count for kind, count in counts.items() if count}


def choose_device(device: str | None, index: int) -> torch.device:
    """The device of that name ("cuda", "cuda:1", "cpu", ...), or the best there is for None.

    index: which of several GPUs where the name has no number. BackendError where it is not there.
    """
    available = _available()
    kind, number = read_device(next(iter(available)) if device is None else device, DEVICES)
    here = ", ".join(f"{name} ({count})" for name, count in available.items())
    if kind not in available:
        raise BackendError(
            f"device {device!r} is not available; this machine and this PyTorch have {here}"
        )
    if kind == "cpu":
        return torch.device("cpu")
    ordinal = index if number is None else number
    if ordinal >= available[kind]:
        argument = f"device_index {index}" if number is None else f"device {device!r}"
        raise BackendError(
            f"{argument} is not available; devices are counted from 0 and there are {here}"
        )
    return torch.device("cuda" if kind == "rocm" else kind, ordinal)


@functools.cache
def _worker(device: torch.device) -> ThreadPoolExecutor:
    """The one thread that does all work on a device, for all filters.

    torch keeps a pool of threads for every thread that calls it, and VapourSynth calls from all of
    its own. It is also where jobs can be gathered into batches.
    """
    return ThreadPoolExecutor(1, thread_name_prefix=f"vsrife-{device}")


@dataclass(frozen=True, eq=False)  # tensors have no equality of their own
class Prepared:
    """What is kept of a source frame, padded.

    features: what the network reads, in its precision; pictures (1, C, H, W): what it puts together
    if that is more than the three channels it reads, clamped and in its precision.
    """

    features: Any
    pictures: Tensor | None


class TorchSession:
    """See `base.Session`."""

    tells = TELLS_ALL

    def __init__(self, settings: Settings) -> None:
        hardware = settings.hardware
        self._device = choose_device(hardware.device, hardware.device_index)
        self._dtype = torch.float16 if settings.half else torch.float32
        self._clamp = settings.clamp
        self._net = _network(settings, self._device, self._dtype)
        self._width, self._height = settings.width, settings.height
        unit = self._net.pad_unit
        self._padding = (0, -settings.width % unit, 0, -settings.height % unit)
        right, below = self._padding[1], self._padding[3]
        self._shape = torch.Size((1, 3, settings.height + below, settings.width + right))
        self._worker = _worker(self._device)
        self._matched = Recent[Tensor | None](2)  # a request may step back

    def prepare(self, planes: Planes) -> Prepared:
        return self._run(lambda: self._prepare(planes))

    def interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float:
        return self._run(lambda: self._interpolate(left, right, timestep, into, rhythm))

    def motion(self, left: Prepared, right: Prepared) -> Array:
        return self._run(lambda: self._motion(left, right))

    def _run[Result](self, work: Callable[[], Result]) -> Result:
        return self._worker.submit(work).result()

    @torch.inference_mode()
    def _prepare(self, planes: Planes) -> Prepared:
        # an array of all planes goes up as it is; on the CPU it is changed below
        whole = isinstance(planes, np.ndarray) and self._device.type != "cpu"
        image = torch.from_numpy(planes if whole else np.stack(planes))[None].to(self._device)
        # one sample that is not a number would otherwise spoil the whole picture
        image = image.nan_to_num_(nan=0, posinf=1, neginf=0)
        # edges repeated: black ones would bleed into the picture wherever motion points outwards
        image = F.pad(image, self._padding, mode="replicate")
        features = self._net.prepare(image[:, :3])
        finer = image.dtype == torch.float32 and self._dtype == torch.float16
        if self._clamp and image.shape[1] == 3 and not finer:
            return Prepared(features, None)
        if self._clamp:
            image[:, :3] = image[:, :3].clamp(0, 1)
        return Prepared(features, image)

    @torch.inference_mode()
    def _interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None,
    ) -> float:
        pictures = None
        if left.pictures is not None and right.pictures is not None:
            pictures = (left.pictures, right.pictures)
        outcome: list[Outcome] = []
        image = self._net.interpolate(
            left.features,
            right.features,
            timestep if rhythm is None else self._timesteps(timestep, rhythm),
            pictures=pictures,
            outcome=outcome,
            matched=self._match(left, right),
        )
        image = image[0, :, : self._height, : self._width]
        if all(plane.dtype == np.float16 for plane in into):
            image = image.to(torch.float16)  # half the bytes to fetch
        image = image.cpu()
        for plane, target in zip(image.numpy(), into, strict=True):
            np.copyto(target, plane)
        return float(outcome[0][0])

    def _timesteps(self, timestep: float, rhythm: Rhythm) -> Tensor:
        size = self._shape[3], self._shape[2]

        def here(cells: Array) -> Tensor:
            return torch.from_numpy(fitted(cells, size)).to(self._device)

        before, after = (None if each is None else here(each) for each in (rhythm[0], rhythm[2]))
        return cadence.timesteps(timestep, before, here(rhythm.between), after, self._shape)

    @torch.inference_mode()
    def _motion(self, left: Prepared, right: Prepared) -> Array:
        outcome: list[Outcome] = []
        matched = self._match(left, right)
        self._net.interpolate(left.features, right.features, 0.5, outcome=outcome, matched=matched)
        rows, columns = (-(-side // CADENCE_CELL) for side in self._shape[2:])
        # a network that has rescaled has seen a larger picture
        found: Array = cadence.motion(outcome[0][1])[:, :, :rows, :columns].cpu().numpy()
        return found

    def _match(self, left: Prepared, right: Prepared) -> Tensor | None:
        """What all new frames of a pair share, kept for the next one."""
        make = functools.partial(self._net.match, left.features, right.features)
        return self._matched.get((left, right), make)


class TorchBackend:
    def open_session(self, settings: Settings) -> TorchSession:
        return TorchSession(settings)


def _network(settings: Settings, device: torch.device, dtype: torch.dtype) -> Network:
    def make() -> Network:
        name, state = _weights(settings)
        net = build(name, scale=settings.scale, ensemble=settings.ensemble, state_dict=state)
        return net.requires_grad_(False).to(device, dtype)

    # frames of any size go through one network
    same = identity(settings, half=False, width=0, height=0, hardware=Hardware())
    return _networks.get((device, dtype, same), make)


def _weights(settings: Settings) -> tuple[str, dict[str, Tensor]]:
    """Model or row, and weights; those of a graph are taken out of it."""
    if settings.graph:
        from vsrife.weights.importing import read_graph

        row, arrays = read_graph(settings.weights)
        return row, {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
    state = read_weights(settings.weights)
    return settings.model or recognise(state), state


BACKEND = TorchBackend()
