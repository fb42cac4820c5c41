from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clips import random_weights
from tests.support.needs import package


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the default network; random, since no render cares how good it is."""
    return random_weights(tmp_path_factory.mktemp("weights"), "nano")


@pytest.fixture(autouse=True)
def _with_onnx_runtime(networks_stay) -> None:
    package("onnxruntime")
