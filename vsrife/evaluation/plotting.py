"""matplotlib, imported so that it writes into our cache and nowhere else in the user's home."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vsrife.errors import needing
from vsrife.weights.folders import cache_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_VARIABLE = "MPLCONFIGDIR"  # of matplotlib, for its list of fonts and its settings
_lock = threading.RLock()


def figure_class(wanted: str) -> type[Figure]:
    """matplotlib's Figure, which draws without a screen; BackendError if it is not installed.

    wanted: what needs it, for the message.
    """
    with needing(wanted, "eval"), own_folder():
        from matplotlib.figure import Figure
    return Figure


@contextmanager
def own_folder() -> Iterator[None]:
    """Import matplotlib, or what imports it, in here: it asks once where its files belong.

    A folder that the user has named for it stays.
    """
    if os.environ.get(_VARIABLE):
        yield
        return
    with _lock:
        os.environ[_VARIABLE] = _folder()
        try:
            yield
        finally:
            os.environ.pop(_VARIABLE, None)


@functools.cache
def _folder() -> str:
    try:
        kept = cache_folder("matplotlib")
    except (OSError, RuntimeError):  # as of a ~ that stands for nobody's folder
        kept = None
    if kept is not None:
        return str(kept)
    folder = tempfile.mkdtemp(prefix="vsrife-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
