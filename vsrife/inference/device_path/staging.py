"""Between the host's memory and a device's: one interface for all kinds of devices.

On CUDA, samples pass through pinned memory on streams of their own, so copies run beside the
network and nothing waits but who needs a finished frame. PyTorch itself keeps pinned buffers and
gives one again only when the copies out of it or into it are done, so there is no ring of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vsrife.inference.arrays import Array
from vsrife.inference.base import Planes
from vsrife.inference.device_path.conversion import kind_of, storable


class Fetched:
    """Results on their way to the host."""

    def __init__(self, tensors: Sequence[Tensor], wait: Callable[[], object] | None = None) -> None:
        """wait: returns when all are there."""
        self._tensors, self._wait = tensors, wait

    def wait(self) -> None:
        if self._wait is not None:
            self._wait()

    def write(self, into: Planes) -> float:
        """Wait, and copy all but the last into the arrays; gives the last one, a number."""
        self.wait()
        *planes, last = self._tensors
        for plane, target in zip(planes, into, strict=True):
            np.copyto(storable(target), plane.numpy())
        return float(last)


class Staging(Protocol):
    def hold(self, planes: Planes) -> list[Tensor]:
        """The planes in memory of the host from which they go up, in types of `storable`. Any
        thread may call it: it is where copying takes time."""
        ...

    def up(self, held: Sequence[Tensor]) -> list[Tensor]:
        """The same on the device, for work that is queued after this."""
        ...

    def down(self, tensors: Sequence[Tensor]) -> Fetched:
        """Begin to fetch what has been queued so far."""
        ...


class Plain:
    """Copies when it is told to. On the CPU, what goes up is already there."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def hold(self, planes: Planes) -> list[Tensor]:
        return [torch.from_numpy(np.array(storable(plane))) for plane in planes]

    def up(self, held: Sequence[Tensor]) -> list[Tensor]:
        return [each.to(self._device) for each in held]

    def down(self, tensors: Sequence[Tensor]) -> Fetched:
        return Fetched([each.cpu() for each in tensors])


class OnStreams:
    """CUDA, and ROCm by the same names: pinned memory, one stream each way."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._upward, self._downward = (_stream(device) for _ in range(2))

    def hold(self, planes: Planes) -> list[Tensor]:
        held = []
        for plane in planes:
            source: Array = storable(plane)
            with torch.cuda.device(self._device):  # no other device is woken for it
                buffer = torch.empty(source.shape, dtype=kind_of(source), pin_memory=True)
            np.copyto(buffer.numpy(), source)
            held.append(buffer)
        return held

    def up(self, held: Sequence[Tensor]) -> list[Tensor]:
        here = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._upward):
            found = [each.to(self._device, non_blocking=True) for each in held]
        here.wait_stream(self._upward)
        for each in found:
            each.record_stream(here)  # or its memory would be given again too early
        return found

    def down(self, tensors: Sequence[Tensor]) -> Fetched:
        here, done = torch.cuda.current_stream(self._device), _event()
        found = []
        self._downward.wait_stream(here)
        with torch.cuda.stream(self._downward):
            for each in tensors:
                buffer = torch.empty(each.shape, dtype=each.dtype, pin_memory=True)
                found.append(buffer.copy_(each, non_blocking=True))
                each.record_stream(self._downward)
            done.record(self._downward)
        return Fetched(found, done.synchronize)


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _event() -> torch.cuda.Event:
    # waiting threads sleep: the encoder beside them needs the cores
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]


def staging_of(device: torch.device) -> Staging:
    return OnStreams(device) if device.type == "cuda" else Plain(device)
