"""Runtimes are imported here and nowhere else: none may send anything, or write beside our cache.

OpenVINO's import sends an event, from a child that holds stdout, and writes ~/intel. ONNX Runtime
(since 1.29) uploads what it has found ten seconds later, and writes ~/.cache/Microsoft. Both look
whether they may when they are imported, and never again; docs/contributing.md says how a new
runtime is checked.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

# onnxruntime.disable_telemetry_events() alone comes too late
_VARIABLES = {"ORT_DISABLE_TELEMETRY": "1"}
# None: cannot be imported. OpenVINO has a stand-in of its own for this one, which does nothing
_MODULES: dict[str, Any] = {"openvino_telemetry": None}
_lock = threading.RLock()


def load(name: str) -> Any:
    """The module of that name, as `import` gives it; raises what its import raises."""
    if sys.modules.get(name) is not None:
        return importlib.import_module(name)
    runtime = name.partition(".")[0]
    first = runtime not in sys.modules
    with _lock, _changed(os.environ, _VARIABLES), _changed(sys.modules, _MODULES):
        module = importlib.import_module(name)
    if first and runtime == "onnxruntime":
        # builds for Windows before 1.29 know no variable, and tell Windows itself
        sys.modules[runtime].disable_telemetry_events()
    return module


@contextmanager
def _changed[Value](
    mapping: MutableMapping[str, Value], values: MutableMapping[str, Value]
) -> Iterator[None]:
    """With these entries for a while; then as it was."""
    before = {name: mapping[name] for name in values if name in mapping}
    mapping.update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                mapping[name] = before[name]
            else:
                mapping.pop(name, None)
