import functools
import os

import pytest

from tests import clips


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            if os.environ.get("VSRIFE_REQUIRE_CUDA") == "1":
                pytest.fail("VSRIFE_REQUIRE_CUDA=1, but there is no CUDA device")
            pytest.skip("no CUDA device")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Path of random weights for a row, made once."""
    folder = tmp_path_factory.mktemp("weights")
    return functools.cache(lambda arch="nano": clips.random_weights(folder, arch))
