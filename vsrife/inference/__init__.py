"""Ways to run the network, by name. Frameworks are imported when they are first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, BackendError
from vsrife.inference.select import best

if TYPE_CHECKING:
    from vsrife.inference.base import Backend, Hardware

BACKENDS = {
    "pytorch": "vsrife.inference.pytorch",
    "onnx": "vsrife.inference.ort.backend",
    "openvino": "vsrife.inference.openvino",
}
# Beyond these, threads and queues are made for hours, or there is no memory for them
MOST = {"threads": 1024, "num_streams": 64}
EXTRAS = {"pytorch": "torch", "onnx": "cpu", "openvino": "openvino"}


def open_backend(name: str | None, hardware: Hardware, *, graph: bool = False) -> Backend:
    """The backend of that name, None for the best that is installed, which can do what is asked.

    graph: the model is a graph, not weights. ArgumentError for what the backend cannot be asked
    for, BackendError if its packages are missing.
    """
    if name is not None and (not isinstance(name, str) or name not in BACKENDS):
        raise ArgumentError(f"backend must be one of {', '.join(BACKENDS)}, not {name!r}")
    for argument, most in MOST.items():
        value = getattr(hardware, argument)
        if value is not None and value > most:
            raise ArgumentError(f"{argument} must be at most {most}, not {value}")
    chosen = name or best(hardware, graph=graph)
    try:
        module = importlib.import_module(BACKENDS[chosen])
    except ImportError as error:
        raise BackendError(
            f"backend {chosen!r} needs packages that are missing ({error}); "
            f"pip install 'vsrife[{EXTRAS[chosen]}]'"
        ) from error
    backend: Backend = module.BACKEND
    backend.check(hardware)
    return backend
