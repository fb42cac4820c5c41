from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.support.narrow import PYRAMID
from vsrife.network.table import ARCHS, PYRAMIDS, TRAINABLE
from vsrife.training.material import batches, footage
from vsrife.training.material.drawn_scenes import Scenes


@pytest.fixture(scope="package", autouse=True)
def _narrow() -> Iterator[None]:
    """Training is the same for any pyramid."""
    with pytest.MonkeyPatch.context() as patch:
        for rows in (ARCHS, PYRAMIDS, TRAINABLE):
            patch.setitem(rows, "nano", PYRAMID)
        yield


@pytest.fixture(scope="session")
def scenes() -> Scenes:
    """Few textures and shapes, quickly drawn."""
    return Scenes(0, tiles=3, shapes=24)


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of footage as large as the clips that tests draw."""
    monkeypatch.setattr(footage, "SIDE", 160)
    monkeypatch.setattr(batches, "SIDE", 160)
    monkeypatch.setattr(footage, "FRAMES", {"animations": 9, "clips": 9})
    monkeypatch.setattr(footage, "SPANS", {"animations": (2, 4, 8), "clips": (2, 4, 8)})


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures here are small, and sums in one order are equal bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
