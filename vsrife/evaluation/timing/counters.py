"""The runtimes' own counters: sessions that tell what the time of each call went to.

Each is the backend's session with its counters switched on, so that graphs, settings and threads
are those of the filter.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from vsrife.evaluation.timing.speed import Frame
from vsrife.inference.backends import quiet
from vsrife.inference.base import Session, Settings

ENCODER, PAIR, NEW = "encoder", "pair", "new frame"
STAGES = (ENCODER, PAIR, NEW)
_FIRST, _SECOND = "first timestep", "second timestep"


class Spent(NamedTuple):
    """Seconds of one operation, as the runtime calls it."""

    operation: str
    seconds: float


type Call = list[Spent]


class Counts(NamedTuple):
    """calls: of each stage, without the cold first ones; outside: seconds of one round (a source
    frame, its pair, two new frames) that no counter saw: copies, padding, Python."""

    calls: dict[str, list[Call]]
    outside: float


class _Program(ABC):
    """A graph that counts; see `runtime.Program`."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self.stages: list[str] = []  # of each run
        tally.programs.append(self)

    def run(self, feeds: Mapping[str, Any], *, stay: bool = False) -> dict[str, Any]:
        self.stages.append(self._tally.stage)
        started = time.perf_counter()
        found = self._run(feeds, stay)
        self._tally.inside += time.perf_counter() - started
        return found

    @abstractmethod
    def _run(self, feeds: Mapping[str, Any], stay: bool) -> dict[str, Any]: ...

    @abstractmethod
    def calls(self) -> list[Call]:
        """What each run was spent on. Nothing runs after this."""

    def stage(self, cold: int) -> str:
        """Of all runs after so many: what runs at the first timestep of a pair and not at the
        second is the pair's."""
        stages = self.stages[cold:]
        if ENCODER in stages:
            return ENCODER
        return NEW if _SECOND in stages else PAIR


class _Tally:
    """Programs of a session, the stage that runs now, and the seconds inside programs."""

    def __init__(self) -> None:
        self.programs: list[_Program] = []
        self.stage = ENCODER
        self.inside = 0.0

    def counts(self, session: Session, frames: list[Frame], rounds: int) -> Counts:
        into = [np.empty_like(plane) for plane in frames[0]]
        left, started = session.prepare(frames[0]), 0.0
        cold: dict[int, int] = {}
        for number in range(rounds + 1):
            if number == 1:  # what is before was cold
                cold = {id(program): len(program.stages) for program in self.programs}
                started, self.inside = time.perf_counter(), 0.0
            self.stage = ENCODER
            right = session.prepare(frames[(number + 1) % len(frames)])
            for self.stage, timestep in ((_FIRST, 0.5), (_SECOND, 0.25)):
                session.interpolate(left, right, timestep, into)
            left = right
        outside = (time.perf_counter() - started - self.inside) / rounds
        calls: dict[str, list[Call]] = {}
        for program in self.programs:
            before = cold.get(id(program), 0)  # what opening the network has run, too
            warm = program.calls()[before:]
            if warm:
                calls.setdefault(program.stage(before), []).extend(warm)
        return Counts(calls, outside)


def of_openvino(settings: Settings, frames: list[Frame], rounds: int) -> Counts:
    """PERF_COUNT and profiling_info."""
    from vsrife.inference.backends import runtime
    from vsrife.inference.backends.openvino import OvEngine
    from vsrife.inference.graphs import bf16, onnx_file

    tally, core = _Tally(), quiet.load("openvino").Core()

    class Program(_Program):
        def __init__(self, compiled: Any, names: list[str]) -> None:
            super().__init__(tally)
            self._names = names  # a compiled model may have further ones
            self._request = compiled.create_infer_request()
            self._calls: list[Call] = []

        def _run(self, feeds: Mapping[str, Any], stay: bool) -> dict[str, Any]:
            for name, value in feeds.items():
                self._request.set_tensor(name, value)
            self._request.infer()
            self._calls.append(
                [
                    Spent(info.node_type, info.real_time.total_seconds())
                    for info in self._request.profiling_info
                ]
            )
            found = {name: self._request.get_tensor(name).data.copy() for name in self._names}
            return {n: engine.put(a) for n, a in found.items()} if stay else found

        def calls(self) -> list[Call]:
            return self._calls

    class Engine(OvEngine):
        def load(self, graph: bytes, proof: object = None) -> Any:
            config = self._config | {"PERF_COUNT": True}
            model = self.read(graph)
            names = [output.get_any_name() for output in model.outputs]
            return Program(core.compile_model(model, self._device, config), names)

    engine = Engine(settings, narrow=settings.precision == bf16.NAME)
    opened = onnx_file.open_session if settings.graph else runtime.open_session
    # a name of its own, so that no filter shares a session that counts
    return tally.counts(opened(f"openvino {id(tally)}", settings, lambda _: engine), frames, rounds)


def of_onnx(settings: Settings, frames: list[Frame], rounds: int) -> Counts:
    """The profile that ONNX Runtime writes into a file."""
    with TemporaryDirectory(prefix="vsrife") as folder:
        return _of_onnx(settings, frames, rounds, Path(folder))


def _of_onnx(settings: Settings, frames: list[Frame], rounds: int, folder: Path) -> Counts:
    from vsrife.inference.backends import runtime
    from vsrife.inference.graphs import onnx_file
    from vsrife.inference.ort.backend import OrtEngine, OrtProgram

    tally = _Tally()

    class Program(_Program):
        def __init__(self, session: Any, program: OrtProgram) -> None:
            super().__init__(tally)
            self._session, self._program = session, program

        def _run(self, feeds: Mapping[str, Any], stay: bool) -> dict[str, Any]:
            return self._program.run(feeds, stay=stay)

        def calls(self) -> list[Call]:
            written = Path(self._session.end_profiling())
            return runs_of(json.loads(written.read_text(encoding="utf-8")))

    class Engine(OrtEngine):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            self._folder = None  # else graphs would be optimised twice, and counted twice

        def _start(self, graph: bytes, proof: Any) -> Any:
            self._last = super()._start(graph, proof)
            return self._last

        def load(self, graph: bytes, proof: Any = None) -> Any:
            program = super().load(graph, proof)
            return Program(self._last, program)

        def _options(self) -> Any:
            options = super()._options()
            options.enable_profiling = True
            options.profile_file_prefix = str(folder / f"graph{len(tally.programs)}")
            return options

    opened = onnx_file.open_session if settings.graph else runtime.open_session
    return tally.counts(opened(f"onnx {id(tally)}", settings, Engine), frames, rounds)


def runs_of(events: list[dict[str, Any]]) -> list[Call]:
    """ONNX Runtime's events, by run: each run's end is an event, too."""
    ends = sorted(e["ts"] + e["dur"] for e in events if e["name"] == "model_run")
    nodes = [e for e in events if e["cat"] == "Node" and e["name"].endswith("_kernel_time")]
    return [
        [
            Spent(e["args"]["op_name"], e["dur"] / 1e6)
            for e in nodes
            if before < e["ts"] + e["dur"] <= end
        ]
        for before, end in pairwise([-1, *ends])
    ]
