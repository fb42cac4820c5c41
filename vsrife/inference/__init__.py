"""Ways to run the network, by name. Frameworks are imported when they are first asked for."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from vsrife import messages
from vsrife.errors import ArgumentError, BackendError, missing_package, printable
from vsrife.inference.select import BACKENDS, candidates

if TYPE_CHECKING:
    from vsrife.inference.base import Backend, Hardware, Note

__all__ = ["BACKENDS", "MOST", "loads", "open_backend"]

# Beyond these, threads and queues are made for hours, or there is no memory for them
MOST = {"threads": 1024, "num_streams": 64}
# What OpenVINO's Python package says where the process has another build of its library
_CLASH = "mismatches with OpenVINO Runtime library version"


def open_backend(
    name: str | None, hardware: Hardware, *, graph: bool = False, note: Note = messages.note
) -> Backend:
    """The backend of that name, None for the best that is installed, which can do what is asked.

    graph: the model is a graph, not weights; note: hears of backends that are installed and cannot
    be loaded, where another one is taken. ArgumentError for what the backend cannot be asked for,
    BackendError if its packages are missing or cannot be loaded.
    """
    if name is not None and (not isinstance(name, str) or name not in BACKENDS):
        raise ArgumentError(f"backend must be one of {', '.join(BACKENDS)}, not {name!r}")
    for argument, most in MOST.items():
        value = getattr(hardware, argument)
        if value is not None and value > most:
            raise ArgumentError(f"{argument} must be at most {most}, not {value}")
    chosen, *others = candidates(hardware, graph=graph) if name is None else (name,)
    for other in others:
        try:
            backend = _load(chosen)
            break
        except BackendError as error:
            note(f"{error}; backend {other!r} is used instead")
            chosen = other
    else:
        backend = _load(chosen)
    backend.check(hardware)
    return backend


def loads(name: str, note: Note) -> bool:
    """Whether an installed backend can be loaded; `note` hears why it cannot."""
    try:
        _load(name)
    except BackendError as error:
        note(f"{error}; left out")
        return False
    return True


def _load(name: str) -> Backend:
    try:
        backend: Backend = importlib.import_module(BACKENDS[name].module).BACKEND
    except ModuleNotFoundError as error:
        raise missing_package(
            f"backend {name!r}", BACKENDS[name].extra, error.name or "?"
        ) from error
    except Exception as error:  # each runtime fails in ways of its own
        raise _broken(name, error) from error
    return backend


def _broken(name: str, error: Exception) -> BackendError:
    """The error for packages that are there and do not work."""
    reason = printable(messages.one_line(str(error))) or type(error).__name__
    way_out = f"install {' and '.join(BACKENDS[name].packages)} anew"
    if _CLASH in str(error):
        # The loader gives a process one library of each name, and plugins are loaded first
        from importlib import metadata

        version = metadata.version("openvino")
        reason = f"vs-mlrt's core.ov has loaded another build of OpenVINO {version} before"
        way_out = "name another backend"
        if sys.platform == "linux":  # where the library's name has the release in it
            way_out = f"pip install 'openvino!={version}', since other releases work beside it"
    return BackendError(f"backend {name!r} cannot be loaded ({reason}); {way_out}")
