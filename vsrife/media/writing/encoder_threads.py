"""Encoders' threads get no more of the machine than others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def ordinary() -> Iterator[None]:
    """Open encoders in here: where root calls it, SVT-AV1 makes the calling thread and its own real
    time threads of the highest priority (SCHED_FIFO, 99), which nothing else runs beside, and those
    that are started later inherit it. Here they get back what the caller had. Linux alone has this.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = {path.name for path in _threads()}
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
            for path in _threads():
                if path.name not in before:
                    with suppress(OSError):  # it has ended
                        os.sched_setscheduler(int(path.name), policy, parameters)


def _threads() -> list[Path]:
    return list(_THREADS.iterdir()) if _THREADS.is_dir() else []
