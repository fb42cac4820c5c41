"""Times contenders in one run, round by round: load of the machine then hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import ArgumentError
from vsrife.inference import BACKENDS, MOST, open_backend, select
from vsrife.inference.base import Hardware, Session, Settings, silent
from vsrife.inference.graphs import bf16
from vsrife.weights import find_weights, is_graph, model_name

Frame = list[NDArray[np.float32]]  # R, G, B
MOST_ROUNDS = 1000


def check_numbers(rounds: int, threads: int | None) -> None:
    """ArgumentError if there are too few or too many rounds or threads."""
    for name, value, most in (
        ("rounds", rounds, MOST_ROUNDS),
        ("threads", threads, MOST["threads"]),
    ):
        if value is not None and not 1 <= value <= most:
            raise ArgumentError(f"{name} must be at least 1 and at most {most}, not {value}")


def rounds_of[Name](
    contenders: Mapping[Name, Callable[[], object]], rounds: int
) -> dict[Name, float]:
    """Median seconds of a call of each, after one call that does not count.

    They take turns, and each round begins with another one.
    """
    names = list(contenders)
    seconds: dict[Name, list[float]] = {name: [] for name in names}
    for name in names:
        contenders[name]()
    for number in range(rounds):
        at = number % len(names)
        for name in (*names[at:], *names[:at]):
            started = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: median(times) for name, times in seconds.items()}


def median_of(seconds: Sequence[float]) -> float:
    """Of a contender's own times, the first one left out, as `rounds_of` does."""
    return median(seconds[1:] or seconds)


def installed(names: str | None) -> list[str]:
    """Backends by name, in this order; None: all that are installed, PyTorch first."""
    if names is None:
        return [name for name in BACKENDS if _is_there(name)]
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in BACKENDS:
            raise ArgumentError(f"backends must be of {', '.join(BACKENDS)}, not {name!r}")
    if not chosen:
        raise ArgumentError("backends is empty; name at least one")
    return chosen


def _is_there(backend: str) -> bool:
    if not select.is_installed(backend):
        return False
    if backend != "mlrt":
        return True
    from vsrife.inference.backends.mlrt import plugins  # imports VapourSynth, which has them

    return bool(plugins())


def set_threads(threads: int | None, backends: list[str]) -> None:
    """For PyTorch, which has one number of threads for the whole process."""
    if threads is not None and "pytorch" in backends:
        import torch

        torch.set_num_threads(threads)


def threads_of(backend: str, threads: int | None) -> int | None:
    """What a backend is told of `threads`: nothing if it does not heed it, as PyTorch, which has
    one number of threads for the whole process (see `set_threads`)."""
    return threads if "threads" in BACKENDS[backend].heeds else None


def settings_of(
    backend: str,
    model: str,
    size: tuple[int, int],
    *,
    threads: int | None,
    precision: str | None = None,
    scale: float = 1.0,
    device: str | None = "cpu",
) -> Settings:
    """As the filter opens a network, for a model's name or a file. size: width, height;
    precision: as of `rife`; "fp32" leaves that of a graph as it is."""
    return Settings(
        weights=find_weights(model),
        model=model_name(model),
        scale=scale,
        ensemble=False,
        half=precision in ("fp16", bf16.NAME),
        clamp=True,
        width=size[0],
        height=size[1],
        hardware=Hardware(device=device, threads=threads_of(backend, threads)),
        graph=is_graph(model),
        precision=None if is_graph(model) and precision == "fp32" else precision,
        note=silent,
    )


def open_session(
    backend: str,
    model: str,
    size: tuple[int, int],
    *,
    threads: int | None,
    precision: str | None = None,
    scale: float = 1.0,
    device: str | None = "cpu",
) -> Session:
    """A session with these settings, see `settings_of`."""
    settings = settings_of(
        backend, model, size, threads=threads, precision=precision, scale=scale, device=device
    )
    runner = open_backend(backend, settings.hardware, graph=settings.graph)
    return runner.open_session(settings)


def new_frame(session: Session, left: Frame, right: Frame) -> Frame:
    """The frame half way between two, with the work that a new source frame needs."""
    before = session.prepare(left)
    after = session.prepare(right)
    made = [np.empty_like(plane) for plane in right]
    session.interpolate(before, after, 0.5, made)
    return made


def sizes_of(text: str) -> list[tuple[int, int]]:
    """ "640x360,1280x720" as pairs of width and height."""
    found = []
    for part in text.split(","):
        width, cross, height = part.strip().lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ArgumentError(f"size must be WIDTHxHEIGHT, such as 1280x720, not {part!r}")
        if min(int(width), int(height)) < 16 or max(int(width), int(height)) > 16384:
            raise ArgumentError(f"size must be 16 to 16384 pixels each way, not {part!r}")
        found.append((int(width), int(height)))
    return found
