from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vsrife import network
from vsrife.weights import save_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the default network; random, since no command cares how good it is."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    save_weights(path, network.build("nano").state_dict(), {})
    return path
