"""Starting a session of ONNX Runtime's on the providers that were chosen, and no others."""

from __future__ import annotations

import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from vsrife import messages
from vsrife.errors import BackendError, ModelError, printable
from vsrife.inference.ort.providers import Chosen, row_of

_RECORD = "session.record_ep_graph_assignment_info"
_ERRORS_ONLY = 3  # its warnings are about graphs, and for who wrote them
# What a network's time goes to; that some constant or shape is on the CPU is no fallback
HEAVY = {
    "Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "QLinearConv", "ConvInteger",
    "GridSample", "Resize", "Upsample",
}  # fmt: skip  # a list of words
_NVIDIA = {"cuda", "tensorrt"}
_loaded: dict[str, Any] = {}  # provider -> the ONNX Runtime whose libraries have been looked for
_BAD_GRAPH = ("InvalidProtobuf", "InvalidGraph", "NoModel", "NoSuchFile")


def session_options(ort: Any, chosen: Chosen, threads: int | None = None) -> Any:
    """Options for a session of `chosen`; the caller may set more before it is started."""
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # threads that wait for work at full speed take the cores from the encoder beside them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    if "directml" in chosen.plain:  # which says that it cannot work with either
        options.enable_mem_pattern = False
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if chosen.strict and chosen.plain != ("cpu",):
        options.add_session_config_entry(_RECORD, "1")
    return options


def start(
    ort: Any,
    model: bytes | Path,
    chosen: Chosen,
    options: Any = None,
    note: Callable[[str], None] = messages.say,
) -> Any:
    """An InferenceSession that runs where it should.

    BackendError where a provider does not start, or leaves heavy nodes to the CPU, and the CPU is
    not allowed (`provider="cuda,cpu"` does so); ModelError for what is no graph. note: hears of a
    fallback that is allowed.
    """
    _load_libraries(ort, chosen)
    source = str(model) if isinstance(model, Path) else model
    given = session_options(ort, chosen) if options is None else options
    last = len(chosen.plain) - 1
    for place, name in enumerate(chosen.plain):
        rest = _from(chosen, place)
        try:
            # enable_fallback: its own way of falling back prints to stdout
            session = ort.InferenceSession(source, given, providers=rest, enable_fallback=0)
        except Exception as error:  # it raises a class of its own for each kind of failure
            if type(error).__name__ in _BAD_GRAPH:
                raise ModelError(
                    f"ONNX Runtime cannot read the graph ({_reason(error)})"
                ) from error
            problem: str | None = _reason(error)
        else:
            problem = _problem(session, chosen, name)
            if problem is None:
                return session
        if place == last:
            raise BackendError(_failure(ort, name, problem))
        note(f"provider {name!r} did not start ({problem}); trying {chosen.plain[place + 1]!r}")
    raise AssertionError("no provider was chosen")


def running(chosen: Chosen, session: Any) -> Chosen:
    """What is left of `chosen` in a session, where falling back was allowed."""
    there = list(session.get_providers())
    place = next(i for i, name in enumerate(chosen.plain) if row_of(name).full_name in there)
    return Chosen(chosen.plain[place:], tuple(_from(chosen, place)), chosen.strict)


def _from(chosen: Chosen, place: int) -> list[tuple[str, dict[str, str]]]:
    first = row_of(chosen.plain[place]).full_name
    names = [name for name, _ in chosen.arguments]
    return list(chosen.arguments[names.index(first) :])


def _problem(session: Any, chosen: Chosen, name: str) -> str | None:
    """Why a session does not run on provider `name` as it should, None if it does."""
    running = list(session.get_providers())
    full_name = row_of(name).full_name
    if full_name not in running:
        # why is known to ONNX Runtime's log alone
        return f"ONNX Runtime took {', '.join(running)} instead, see its own words above"
    if name == "cpu" or not chosen.strict:
        return None
    nodes = placed(session)
    left = {op: count for op, count in nodes.get("CPUExecutionProvider", {}).items() if op in HEAVY}
    if left:
        listed = ", ".join(f"{count} {op}" for op, count in sorted(left.items()))
        return f"it leaves nodes to the CPU: {listed}"
    if nodes and full_name not in nodes:
        return f"it took none of the network's nodes, which are on {', '.join(nodes)}"
    return None


def placed(session: Any) -> dict[str, Counter[str]]:
    """Provider -> kinds of nodes it runs and how many; empty where that cannot be known."""
    ask = getattr(session, "get_provider_graph_assignment_info", None)  # since 1.24
    if ask is None:
        return {}
    try:
        parts = ask()
    except Exception:  # it was not recorded; a class of its own again
        return {}
    found: dict[str, Counter[str]] = {}
    for part in parts:
        kinds = found.setdefault(str(part.ep_name), Counter())
        kinds.update(str(node.op_type) for node in part.get_nodes())
    return found


def _failure(ort: Any, name: str, problem: str | None) -> str:
    if name == "cpu":  # which is always there, so it is the graph
        return f"ONNX Runtime cannot run the graph on the CPU ({problem})"
    text = f"provider {name!r} does not work here: {problem}"
    version = getattr(ort, "cuda_version", "") if name in _NVIDIA else ""
    needed = f"a device, its driver{f', CUDA {version}' if version else ''}"
    return (
        f"{text}; it needs {needed} and {row_of(name).package}. "
        f'provider="{name},cpu" allows the CPU, provider="cpu" asks for it'
    )


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without where in its source it says so."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0])
    said = re.sub(r"^\S+\.(?:cc|h):\d+ [^()]*\([^()]*\)\s*", "", text) or text
    return printable(said.rstrip("."))


def _load_libraries(ort: Any, chosen: Chosen) -> None:
    """NVIDIA's libraries out of pip's packages, which no loader would find by itself."""
    for name in _NVIDIA & set(chosen.plain):
        if _loaded.get(name) is ort:
            continue
        _loaded[name] = ort
        if name == "tensorrt":
            # it loads its own libraries; where it is not there, the system may have them
            with suppress(Exception):
                importlib.import_module("tensorrt")
        preload = getattr(ort, "preload_dlls", None)  # since 1.21
        if preload is not None:
            with redirect_stdout(sys.stderr):  # where it says what it misses
                preload()
