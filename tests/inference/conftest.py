from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.narrow import narrow_weights


@pytest.fixture(scope="package", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """Backends are compared here, and compiling whole official networks takes them seconds;
    tests/network has those."""
    with narrow_weights(tmp_path_factory.mktemp("weights")) as weights:
        yield weights
