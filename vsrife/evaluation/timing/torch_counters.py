"""PyTorch's counters: torch.profiler around each stage of a session's work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch.profiler import ProfilerActivity, profile

from vsrife.evaluation.timing.counters import ENCODER, NEW, PAIR, Call, Counts, Spent
from vsrife.evaluation.timing.speed import Frame
from vsrife.inference.backends.pytorch import TorchSession
from vsrife.inference.base import Settings


class _Counting(TorchSession):
    """A session whose stages are counted; on a GPU, the time of its kernels."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.stage = ENCODER
        self.calls: dict[str, list[Call]] = {}
        self.seconds = 0.0
        self._gpu = self._device.type == "cuda"
        self._kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self._gpu else [])]

    def _run[T](self, work: Callable[[], T]) -> T:
        def counted() -> T:
            with profile(activities=self._kinds) as found:
                started = time.perf_counter()
                result = work()
                self.seconds += time.perf_counter() - started
            self.calls.setdefault(self.stage, []).append(
                [Spent(each.key, self._seconds(each)) for each in found.key_averages()]
            )
            return result

        return super()._run(counted)

    def _seconds(self, event: Any) -> float:
        spent: float = event.self_device_time_total if self._gpu else event.self_cpu_time_total
        return spent / 1e6

    def match(self, left: Any, right: Any) -> None:
        """What all new frames of a pair share."""
        self._run(lambda: self._match(left, right))


def of_pytorch(settings: Settings, frames: list[Frame], rounds: int) -> Counts:
    """As those of `counters`."""
    with _silent_kineto():
        with profile():
            pass  # its library starts here: in another thread it would say so on stderr
        session = _Counting(settings)
        into = [np.empty_like(plane) for plane in frames[0]]
        left = session.prepare(frames[0])
        for number in range(rounds + 1):
            if number == 1:  # the first round is cold
                session.calls, session.seconds = {}, 0.0
            session.stage = ENCODER
            right = session.prepare(frames[(number + 1) % len(frames)])
            session.stage = PAIR
            session.match(left, right)
            session.stage = NEW
            session.interpolate(left, right, 0.5, into)
            left = right
    counted = sum(spent.seconds for calls in session.calls.values() for c in calls for spent in c)
    return Counts(session.calls, max(0.0, session.seconds - counted) / rounds)


@contextmanager
def _silent_kineto() -> Iterator[None]:
    """Its log goes to stderr, and without a GPU it has an error to tell."""
    name = "KINETO_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ[name] = "99"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
