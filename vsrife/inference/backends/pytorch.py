"""PyTorch: cuda, rocm, xpu, mps and cpu."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from vsrife.errors import BackendError
from vsrife.inference.arrays import Array
from vsrife.inference.base import (
    BESIDE,
    FED,
    TELLS_ALL,
    Hardware,
    Planes,
    Rhythm,
    Settings,
    Shared,
    identity,
    read_device,
)
from vsrife.inference.device_path import fused_trial
from vsrife.inference.device_path.conversion import decoded, encoded, kind_of
from vsrife.inference.device_path.maker import Frame, Job, Maker, Wanted
from vsrife.inference.device_path.staging import Fetched
from vsrife.inference.device_path.ways import WAYS, batch_of
from vsrife.inference.sessions.scheduler import Scheduler
from vsrife.inference.source_planes import SourcePlanes, Timestep
from vsrife.network import build
from vsrife.network.module import Network
from vsrife.network.state_dict import recognise
from vsrife.network.table import TRIPLES
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
    its own.
    """
    here = functools.partial(torch.cuda.set_device, device) if device.type == "cuda" else None
    return ThreadPoolExecutor(1, thread_name_prefix=f"vsrife-{device}", initializer=here)


class TorchSession:
    """See `base.Session`. What it does on the device is in `device_path`."""

    def __init__(self, settings: Settings) -> None:
        hardware = settings.hardware
        self._device = choose_device(hardware.device, hardware.device_index)
        self._dtype = torch.float16 if settings.half else torch.float32
        self._net = _network(settings, self._device, self._dtype)
        self._width, self._height = settings.width, settings.height
        self._maker = Maker(self._net, settings, self._device, self._dtype)
        self._padding = self._maker.padding
        self._worker = _worker(self._device)
        ways = WAYS[self._device.type]
        self._net.fused = ways.fused and self._can_fuse(settings)
        self.tells = TELLS_ALL | {name for name in FED if getattr(ways, name)}
        if self._net.arch in TRIPLES.values():
            self.tells = self.tells - {"motion", "planes"} | {BESIDE}
        self._scheduler: Scheduler[Job, Fetched] | None = None
        self._flying: deque[Fetched] = deque()
        if ways.batches:
            most = batch_of(settings.width, settings.height)
            self._scheduler = Scheduler(
                self._make, most=most, kept=2 * most, room=self._land, note=settings.note
            )

    def _can_fuse(self, settings: Settings) -> bool:
        fault = self._run(lambda: fused_trial.fault(self._device))
        if fault and fault != fused_trial.NOT_THERE:
            settings.note(f"warps are not one kernel ({fault}): slower")
        return not fault

    def prepare(self, planes: Planes) -> Frame:
        if not isinstance(planes, SourcePlanes):
            return self._run(lambda: self._maker.prepare(planes))
        held, coding = self._maker.staging.hold(planes), planes.coding
        return self._run(lambda: self._maker.upload(held, coding))

    def interpolate(
        self,
        left: Frame,
        right: Frame,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float:
        job = Job(left, right, float(timestep), _wanted(into))
        if self._scheduler is None or rhythm is not None:
            (made,) = self._run(lambda: self._maker.make([job], rhythm))
        else:
            beside = timestep.beside if isinstance(timestep, Timestep) else ()
            made = self._scheduler.get(job, [job._replace(timestep=each) for each in beside])
        return made.write(into)

    def motion(self, left: Frame, right: Frame) -> Array:
        return self._run(lambda: self._maker.motion(left, right))

    def decoded(self, planes: SourcePlanes) -> Planes:
        """The network's picture of them, as arrays of floating point; on the CPU."""
        return self._run(lambda: decoded(planes))

    def encoded(self, picture: Planes, into: SourcePlanes) -> None:
        """Write a picture of the network into planes; on the CPU."""
        self._run(lambda: encoded(picture, into))

    def _run[Result](self, work: Callable[[], Result]) -> Result:
        return self._worker.submit(work).result()

    def _match(self, left: Frame, right: Frame) -> Tensor | None:
        return self._maker.match(left, right)

    def _make(self, jobs: Sequence[Job]) -> list[Fetched]:
        found = self._run(lambda: self._maker.make(jobs))
        self._flying.append(found[-1])
        return found

    def _land(self) -> None:
        """Wait until the device has at most one batch to do: what is asked for meanwhile comes
        together into the next one."""
        while len(self._flying) > 1:
            with suppress(Exception):  # whoever waits for that frame gets its error
                self._flying.popleft().wait()


class TorchBackend:
    def open_session(self, settings: Settings) -> TorchSession:
        return TorchSession(settings)


def _wanted(into: Planes) -> Wanted:
    if isinstance(into, SourcePlanes):
        return Wanted(into.coding, kind_of(into[0]))
    half = all(plane.dtype == np.float16 for plane in into)  # half the bytes to fetch
    return Wanted(None, torch.float16 if half else torch.float32)


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
    return settings.model or recognise(state, triples=True), state


BACKEND = TorchBackend()
