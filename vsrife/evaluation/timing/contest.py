"""A contest of networks and filters on the same frames, in turns, in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.errors import BackendError
from vsrife.evaluation.timing import contenders, peers, speed
from vsrife.evaluation.timing.contenders import NetworkWork, Work
from vsrife.evaluation.timing.peers import Peer
from vsrife.evaluation.timing.speed import Frame, median_of
from vsrife.evaluation.timing.workers import Contender, Worker, write_clip
from vsrife.filter import rife
from vsrife.messages import note

NETWORK, FILTER = "network", "filter"


@dataclass(frozen=True)
class Row:
    """seconds: per new frame and the source frame beside it, by contender; details: of filters, by
    what is measured, then by contender; docs/guide/measuring.md says what each is."""

    model: str
    size: tuple[int, int]
    part: str
    seconds: Mapping[str, float]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Contest:
    """What is timed, and how: see `vsrife bench --help`. film: a file instead of the demo's."""

    backends: Sequence[str]
    rounds: int
    scale: float = 1.0
    device: str = "cpu"
    precision: str = "fp32"
    threads: int | None = None
    film: Path | None = None
    against: Sequence[Peer] = ()

    def frames(self, size: tuple[int, int]) -> tuple[vs.VideoNode, list[Frame]]:
        """The film, as YUV420P8 and as the network reads it."""
        if self.film is None:
            frames = contenders.demo_frames(size)
            return contenders.clip_of(frames), frames
        clip = contenders.film_of(self.film, size)
        return clip, contenders.read_frames(clip)

    def networks(self, model: str, frames: list[Frame]) -> dict[str, NetworkWork]:
        height, width = frames[0][0].shape
        return {
            name: NetworkWork(
                speed.open_session(
                    name,
                    model,
                    (width, height),
                    threads=self.threads,
                    precision=self.precision,
                    scale=self.scale,
                    device=self.device,
                ),
                frames,
            )
            for name in self.backends
        }

    def arguments(self, model: str, backend: str) -> dict[str, Any]:
        """Of rife()."""
        return {
            "model": model,
            "scale": self.scale,
            "backend": backend,
            "device": self.device,
            "precision": self.precision,
            "threads": speed.threads_of(backend, self.threads),
        }

    def quick(self, label: str, model: str, size: tuple[int, int], parts: str) -> Iterator[Row]:
        """Networks and filters in this process; parts: "both" or one of them."""
        clip, frames = self.frames(size)
        if parts != FILTER:
            found = speed.rounds_of(self.networks(model, frames), self.rounds)
            yield Row(label, size, NETWORK, found)
        if parts != NETWORK:
            clip = clip.std.Loop(2 + (self.rounds + 1) // clip.num_frames)  # each frame made once
            filters = {
                name: contenders.filter_work(rife(clip, **self.arguments(model, name)))
                for name in self.backends
            }
            yield Row(label, size, FILTER, speed.rounds_of(filters, self.rounds))

    def thorough(self, label: str, model: str, size: tuple[int, int], folder: Path) -> Row:
        """Filters and peers, each in a process of its own, in turns with the bare networks and the
        conversions. folder: for files that they read."""
        found = self._peers(model, size, folder)  # what they cannot run is told before all work
        clip, frames = self.frames(size)
        path = folder / "clip.npz"
        write_clip(clip, path)
        networks = self.networks(model, frames)
        to_working, to_source = contenders.conversion_work(clip)
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(Worker(f"{model} with {name}", each, path, self.rounds))
                for name, each in self._own(model).items()
            }
            for name, each in found.items():
                try:
                    workers[name] = stack.enter_context(Worker(name, each, path, self.rounds))
                except BackendError as error:
                    note(f"{error}; left out")
            works: dict[tuple[str, str], Work] = {
                **{(FILTER, name): worker for name, worker in workers.items()},
                **{(NETWORK, name): work for name, work in networks.items()},
                ("to_working", ""): to_working,
                ("to_source", ""): to_source,
            }
            seconds = speed.rounds_of(works, self.rounds)
            details = _details(seconds, workers, networks, contenders.bytes_moved(clip))
        return Row(label, size, FILTER, {name: seconds[FILTER, name] for name in workers}, details)

    def _own(self, model: str) -> dict[str, Contender]:
        return {name: Contender("vsrife", self.arguments(model, name)) for name in self.backends}

    def _peers(self, model: str, size: tuple[int, int], folder: Path) -> dict[str, Contender]:
        found: dict[str, Contender] = {}
        for peer in self.against:
            found |= peers.contenders(peer, model, size, self.threads, folder)
        return found


def _details(
    seconds: Mapping[tuple[str, str], float],
    workers: Mapping[str, Worker],
    networks: Mapping[str, NetworkWork],
    moved: int,
) -> dict[str, dict[str, Any]]:
    ends = {name: seconds[name, ""] for name in ("to_working", "to_source")}
    stages = {}
    for name, network in networks.items():
        parts = {
            "to_working": ends["to_working"],
            "prepare": median_of(network.prepared),
            "interpolate": median_of(network.interpolated),
            "to_source": ends["to_source"],
        }
        stages[name] = parts | {"rest": seconds[FILTER, name] - sum(parts.values())}
    return {
        "frames_per_second": {name: 1 / seconds[FILTER, name] for name in workers},
        "cpu_seconds": {name: worker.cpu() for name, worker in workers.items()},
        "network_seconds": {name: seconds[NETWORK, name] for name in networks},
        "over_network": {name: seconds[FILTER, name] / seconds[NETWORK, name] for name in networks},
        "stages": stages,
        "first_frame": {name: worker.first for name, worker in workers.items()},
        "random_frame": {name: worker.random() for name, worker in workers.items()},
        "peak_memory": {name: worker.memory() for name, worker in workers.items()},
        "bytes_moved": dict.fromkeys(networks, moved),
    }
