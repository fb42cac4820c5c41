"""OpenVINO: the fastest on most CPUs, and Intel's GPUs and NPUs."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from onnx import ModelProto

from vsrife.errors import BackendError, ModelError, printable
from vsrife.inference.arrays import Array
from vsrife.inference.backends import disk_cache, openvino_resizes, quiet, runtime
from vsrife.inference.base import Hardware, Session, Settings, read_device
from vsrife.inference.graphs import bf16, bf16_graphs, graph_network, onnx_file
from vsrife.network.table import EMBEDDED
from vsrife.weights.folders import embedded_folder

ov = quiet.load("openvino")

# Lines in front of what is wrong, like those with a colon at their end
_PREFACES = ("Exception from", "Check '", "Model wasn't fully")
_ABILITIES = "OPTIMIZATION_CAPABILITIES"
DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "xpu": "GPU"}  # ours -> OpenVINO's


class OvProgram:
    """See `graphs.Program`. A request runs one inference at a time; each thread takes its own."""

    def __init__(self, compiled: Any, outputs: Iterable[str]) -> None:
        """outputs: names of the graph's. A compiled one may have further names for them: those of
        tensors in front of a conversion that OpenVINO has dropped."""
        self._compiled = compiled
        self._idle: SimpleQueue[Any] = SimpleQueue()
        self._outputs = {name: compiled.output(name) for name in outputs}
        self._count = len(compiled.inputs)

    def run(self, feeds: Mapping[str, Any], *, stay: bool = False) -> dict[str, Any]:
        if len(feeds) != self._count:  # OpenVINO would run with whatever is in memory
            raise ValueError(f"the graph has {self._count} inputs, not {', '.join(feeds)} alone")
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            for name, value in feeds.items():
                request.set_tensor(name, value)
            if stay:  # in memory of its own, which the next run does not overwrite
                kept = {name: _like(output) for name, output in self._outputs.items()}
                for name, tensor in kept.items():
                    request.set_tensor(name, tensor)
            request.infer()
            if stay:
                return kept
            return {name: request.get_tensor(name).data.copy() for name in self._outputs}
        finally:
            self._idle.put(request)


def _like(output: Any) -> Any:
    return ov.Tensor(output.get_element_type(), output.get_shape())


class OvEngine:
    """See `graphs.Engine`. Values are tensors; those of GPUs are copied when they are read.

    narrow: what is fp16 in graphs runs in bf16; BackendError for a CPU that has none.
    """

    def __init__(self, settings: Settings, *, narrow: bool = False) -> None:
        hardware = settings.hardware
        self._device, self._narrow = _device(hardware), narrow
        if narrow and not multiplies_in_bf16():
            raise BackendError(
                'precision="bf16" needs a CPU with AVX512-BF16 or AMX, which OpenVINO does not '
                "find here; leave it out"
            )
        self._config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        # else bf16 on newer CPUs, fp16 on GPUs, whatever the graph says
        if self._device == "CPU" and not narrow:
            self._config["INFERENCE_PRECISION_HINT"] = "f32"
        else:
            self._config["EXECUTION_MODE_HINT"] = "ACCURACY"  # each node as the graph has it
        if self._device == "CPU":
            # else every process binds its threads to the first cores: two with one thread each,
            # as workers and chunks of a film are, shared one core, and the other one was idle
            self._config["ENABLE_CPU_PINNING"] = False
            if hardware.threads is not None:
                self._config["INFERENCE_NUM_THREADS"] = hardware.threads
        if hardware.num_streams > 1:
            self._config["NUM_STREAMS"] = str(hardware.num_streams)
        self._folder = disk_cache.open_folder("openvino", settings.note)

    def put(self, array: Array) -> Any:
        return ov.Tensor(np.ascontiguousarray(array), shared_memory=True)

    def get(self, value: Any) -> Array:
        found: Array = value.data
        return found

    def load(self, graph: bytes, proof: graph_network.Proof | None = None) -> OvProgram:
        path, outputs = None, [output.name for output in ModelProto.FromString(graph).graph.output]
        if self._folder is not None:
            path = disk_cache.path_of(self._folder, ".graph", *self._machine(), graph)
            kept = disk_cache.read(path)
            if kept is not None:
                with suppress(Exception):  # it need not be of use
                    compiled = _core().import_model(kept, self._device, self._config)
                    return OvProgram(compiled, outputs)
        model = self.read(graph)
        try:
            compiled = _core().compile_model(model, self._device, self._config)
            program = OvProgram(compiled, outputs)
        except Exception as error:
            raise BackendError(
                f"OpenVINO cannot run the graph on {self._device} ({_reason(error)})"
            ) from error
        if path is not None:
            with suppress(Exception):  # a full disk, or a device that cannot export
                content = compiled.export_model()
                content = content if isinstance(content, bytes) else content.getvalue()
                disk_cache.keep(path, lambda part: part.write_bytes(content))
        return program

    def read(self, graph: bytes) -> Any:
        """OpenVINO's model of a graph, as the device is fastest at; ModelError if it cannot be."""
        if self._device == "CPU":
            with suppress(Exception):  # of others' files, onnx may know less than OpenVINO
                graph = openvino_resizes.rewritten(graph)
        try:
            return _core().read_model(bf16_graphs.narrowed(graph) if self._narrow else graph)
        except Exception as error:  # RuntimeError, or what its readers stumble with
            raise ModelError(f"OpenVINO cannot read the graph ({_reason(error)})") from error

    def _machine(self) -> tuple[str, ...]:
        """All that a compiled graph depends on, but for the graph."""
        told = ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", _ABILITIES)
        facts = []
        for name in told:
            with suppress(Exception):  # not every device knows each
                facts.append(_core().get_property(self._device, name))
        kind = bf16.NAME if self._narrow else ""
        way = openvino_resizes.WAY
        return str(ov.__version__), self._device, repr(facts), repr(self._config), kind, way


@functools.cache
def _core() -> Any:
    return ov.Core()


def _device(hardware: Hardware) -> str:
    """OpenVINO's name of a device that is there; BackendError for one that is not."""
    asked = read_device(hardware.device or "cpu", DEVICES, " with backend='openvino'")
    kind, number = DEVICES[asked.kind], asked.number
    available = list(_core().available_devices)
    if number is None and kind != "CPU" and hardware.device_index:
        number = hardware.device_index
    # the first of a kind has no number where it is the only one
    names = [kind, f"{kind}.0"] if number is None else [f"{kind}.{number}"]
    if number == 0:
        names.append(kind)
    found = next((name for name in names if name in available), None)
    if found is None:
        raise BackendError(
            f"device {hardware.device!r} is not available; OpenVINO has {', '.join(available)} here"
        )
    return found


def _is_usual(settings: Settings) -> bool:
    """Whether precision=None means bf16: with the models that come with the package, which lose
    nothing by it, on a CPU that has it. Of others, nobody has looked."""
    own = settings.model in EMBEDDED and settings.weights.parent == embedded_folder
    device = settings.hardware.device or "cpu"
    on_cpu = device.lower().partition(":")[0] == "cpu"
    return settings.precision is None and own and on_cpu and multiplies_in_bf16()


def multiplies_in_bf16() -> bool:
    """Whether the CPU does, and OpenVINO knows how."""
    return "BF16" in _core().get_property("CPU", _ABILITIES)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_PREFACES) and line[-1] != ":"]
    return printable((told or lines or [type(error).__name__])[0])


class OvBackend:
    def open_session(self, settings: Settings) -> Session:
        if settings.graph:
            return onnx_file.open_session("openvino", settings, OvEngine)
        if settings.precision == bf16.NAME or _is_usual(settings):
            engine = functools.partial(OvEngine, narrow=True)
            # what graphs have in fp16 is what may be narrow
            return runtime.open_session("openvino in bf16", replace(settings, half=True), engine)
        return runtime.open_session("openvino", settings, OvEngine)


BACKEND = OvBackend()
