from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.narrow import official_rows


@pytest.fixture(scope="package", autouse=True)
def _narrow() -> Iterator[None]:
    """Backends are compared here, and compiling whole official networks takes them seconds;
    tests/network has those."""
    with official_rows(4):
        yield


@pytest.fixture(scope="package")
def weights(_narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Path of random weights for a row, made once.

    4.15.lite has an encoder; of all rows with one, its graphs are compiled soonest, three times as
    soon as those of nano."""
    from tests.support import clips  # loads VapourSynth

    folder = tmp_path_factory.mktemp("weights")
    return functools.cache(lambda arch="4.15.lite": clips.random_weights(folder, arch))
