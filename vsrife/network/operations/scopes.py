"""What the writers of all formats have in common: names that tell where a node comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Scoped:
    """_scope: goes before the names of what is written now."""

    _scope = ""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix `name.` for the names of all that is written inside."""
        before, self._scope = self._scope, f"{self._scope}{name}."
        try:
            yield
        finally:
            self._scope = before
