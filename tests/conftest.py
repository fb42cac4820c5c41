import functools
import os

import pytest

from tests import clips
from vsrife.backends import choice
from vsrife.store import CACHE_VARIABLE


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            if os.environ.get("VSRIFE_REQUIRE_CUDA") == "1":
                pytest.fail("VSRIFE_REQUIRE_CUDA=1, but there is no CUDA device")
            pytest.skip("no CUDA device")


@pytest.fixture(scope="session", autouse=True)
def _no_cache():
    """Also in the processes that tests start: nothing is left in the user's folders."""
    os.environ[CACHE_VARIABLE] = "none"


@pytest.fixture(autouse=True)
def _the_reference(monkeypatch):
    """Where no backend is named, PyTorch: what the others must give is tests/backends' business."""
    monkeypatch.setattr(choice, "ON_CPU", ("pytorch", "onnx", "openvino"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Path of random weights for a row, made once."""
    folder = tmp_path_factory.mktemp("weights")
    return functools.cache(lambda arch="nano": clips.random_weights(folder, arch))
