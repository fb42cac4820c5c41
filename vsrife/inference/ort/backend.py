"""ONNX Runtime: any CPU, and every accelerator that the installed build has a provider for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from vsrife.errors import BackendError, RifeError
from vsrife.inference.arrays import Array
from vsrife.inference.backends import disk_cache, quiet, runtime
from vsrife.inference.base import Hardware, Session, Settings
from vsrife.inference.graphs import graph_network, onnx_file
from vsrife.inference.ort import accuracy, providers, sessions, tensorrt, warps

onnxruntime = quiet.load("onnxruntime")

_UNIT = 128  # no known network has sides of larger multiples at scale 1


class OrtProgram:
    """See `graphs.Program`. ONNX Runtime lets any number of threads run one session."""

    def __init__(self, session: Any, memory: tuple[str, int]) -> None:
        self._session, self._memory = session, memory
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, feeds: Mapping[str, Any], *, stay: bool = False) -> dict[str, Any]:
        binding = self._session.io_binding()
        for name, value in feeds.items():
            binding.bind_ortvalue_input(name, value)
        for name in self._outputs:
            binding.bind_output(name, *(self._memory if stay else ("cpu", 0)))
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs() if stay else binding.copy_outputs_to_cpu()
        return dict(zip(self._outputs, values, strict=True))


class OrtEngine:
    """See `graphs.Engine`. Arrays stay where the provider computes, as OrtValues."""

    def __init__(self, settings: Settings) -> None:
        self._threads, self._note = settings.hardware.threads, settings.note
        asked = _wanted(settings.hardware)
        # then a GPU that does not work is no reason to give up
        self._nothing_asked = not asked.names and settings.hardware.device is None
        self._started = False
        self._chosen = providers.choose(onnxruntime, asked, self._threads, self._note)
        self._folder = disk_cache.open_folder("onnxruntime", self._note)
        self._settings = settings

    def put(self, array: Array) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array, *self._chosen.memory)

    def get(self, value: Any) -> Array:
        return np.array(value.numpy())  # a copy: a mere view, which does not keep the value alive

    def load(self, graph: bytes, proof: graph_network.Proof | None = None) -> OrtProgram:
        try:
            session = self._start(graph, proof)
        except BackendError as error:
            if not self._nothing_asked or self._started or self._chosen.plain == ("cpu",):
                raise
            self._note(f"{error}; the CPU is used instead")
            asked = providers.wanted("cpu")
            self._chosen = providers.choose(onnxruntime, asked, self._threads, self._note)
            session = self._start(graph, proof)
        running = sessions.running(self._chosen, session)
        if self._started and running != self._chosen:
            raise BackendError(
                f"provider {self._chosen.plain[0]!r} started for one part of the network, not for "
                f"another; use provider={running.plain[0]!r}"
            )
        # values of the one are none for the other
        self._chosen, self._started = running, True
        return OrtProgram(session, self._chosen.memory)

    def _start(self, graph: bytes, proof: graph_network.Proof | None) -> Any:
        """A session of `graph`; the one place where sessions of this backend are made."""
        if self._chosen.plain[0] == "tensorrt":
            return self._start_engine(graph, proof)
        if self._chosen.plain != ("cpu",):
            # what other providers have compiled cannot be saved
            return sessions.start(onnxruntime, graph, self._chosen, self._options(), self._note)
        if self._folder is None:
            return self._start_on_cpu(_suited(graph), graph)
        facts = onnxruntime.__version__, repr(self._chosen), warps.WAY
        path = disk_cache.path_of(self._folder, ".graph", *facts, graph)
        kept = disk_cache.read(path)
        if kept is None:
            kept = self._optimise(_suited(graph), path)
        return self._start_on_cpu(kept, graph, path)

    def _start_on_cpu(self, suited: bytes, graph: bytes, path: Path | None = None) -> Any:
        """A session of `suited`, made of `graph` and kept as `path`; of `graph` itself where that
        is of no use to this machine after all."""
        try:
            return sessions.start(onnxruntime, suited, self._chosen, self._options(), self._note)
        except RifeError:
            if path is not None:
                disk_cache.drop(path)
            return sessions.start(onnxruntime, graph, self._chosen, self._options(), self._note)

    def _start_engine(self, graph: bytes, proof: graph_network.Proof | None) -> Any:
        settings = self._settings
        options = settings.hardware.engines
        inputs = _inputs(graph)
        width, height = (next(iter(inputs.values()))[side] for side in (3, 2))
        size = f"{width}x{height}" if width and height else "any-size"
        name = settings.model or settings.weights.stem
        if proof is None:  # a file: nothing is known of it but what it takes
            proof = graph_network.Proof(
                lambda: graph, lambda: accuracy.feeds_of(inputs, settings.sample), _UNIT
            )
        plan = tensorrt.Plan(graph, f"{name}-{size}", settings.half, inputs, proof.unit)

        def like(session: Any) -> float:
            exact, feeds = proof.exact(), proof.feeds()
            return accuracy.measure(onnxruntime, self._chosen, session, exact, feeds)

        root = disk_cache.open_folder("engines", self._note)
        if options.folder is not None:
            root = Path(os.path.abspath(os.path.expanduser(options.folder)))
        return tensorrt.start(
            onnxruntime, self._chosen, options, plan, root=root, likeness=like, note=self._note
        )

    def _optimise(self, graph: bytes, path: Path) -> bytes:
        """What ONNX Runtime makes of `graph`, but for what depends on this very CPU, kept as
        `path`; the graph itself where that cannot be."""
        options = self._options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED

        def save(part: Path) -> None:
            options.optimized_model_filepath = str(part)
            sessions.start(onnxruntime, graph, self._chosen, options, self._note)

        try:
            return disk_cache.keep(path, save)
        except (RifeError, OSError):  # the disk is full: it need not be there
            return graph

    def _options(self) -> Any:
        return sessions.session_options(onnxruntime, self._chosen, self._threads)


def _suited(graph: bytes) -> bytes:
    """The same graph with warps as the CPU is fastest at, if this ONNX Runtime has them."""
    if warps.available(onnxruntime):
        with suppress(Exception):  # of files of others: ONNX Runtime says what is wrong with them
            return warps.rewritten(graph)
    return graph


def _inputs(graph: bytes) -> dict[str, list[int | None]]:
    """Shape of each input, None for sides that are open."""
    given = ModelProto.FromString(graph).graph.input
    return {
        value.name: [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]
        for value in given
    }


class OrtBackend:
    def open_session(self, settings: Settings) -> Session:
        opened = onnx_file.open_session if settings.graph else runtime.open_session
        return opened("onnx", settings, OrtEngine)


def _wanted(hardware: Hardware) -> providers.Wanted:
    return providers.wanted(
        hardware.provider,
        device=hardware.device,
        device_index=hardware.device_index,
        memory_limit=hardware.memory_limit,
    )


BACKEND = OrtBackend()
