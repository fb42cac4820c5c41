"""Ways to run the network, by name. Frameworks are imported when they are first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, BackendError

if TYPE_CHECKING:
    from vsrife.backends.base import Backend

BACKENDS = {"pytorch": "vsrife.backends.pytorch"}
_EXTRAS = {"pytorch": "torch"}


def open_backend(name: str | None) -> Backend:
    """The backend of that name, None for the first; BackendError if its packages are missing."""
    chosen = next(iter(BACKENDS)) if name is None else name
    if not isinstance(chosen, str) or chosen not in BACKENDS:
        raise ArgumentError(f"backend must be one of {', '.join(BACKENDS)}, not {name!r}")
    try:
        module = importlib.import_module(BACKENDS[chosen])
    except ImportError as error:
        raise BackendError(
            f"backend {chosen!r} needs packages that are missing ({error}); "
            f"pip install 'vsrife[{_EXTRAS[chosen]}]'"
        ) from error
    backend: Backend = module.BACKEND
    return backend
