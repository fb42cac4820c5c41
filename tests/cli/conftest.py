from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vsrife import net, store


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the default network; random, since no command cares how good it is."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    store.save_weights(path, net.build("nano").state_dict(), {})
    return path
