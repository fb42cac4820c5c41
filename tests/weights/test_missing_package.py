"""A package that is missing is not a damaged file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vsrife.errors import BackendError
from vsrife.weights.files import read_arrays, save_weights


def test_without_safetensors_the_package_is_named_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.safetensors"
    save_weights(path, {"block0.weight": np.zeros(3, np.float32)}, {})
    for name in [each for each in sys.modules if each.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "safetensors", None)  # as if it were not installed
    for work in (
        lambda: read_arrays(path),
        lambda: save_weights(tmp_path / "b.safetensors", {"a": np.zeros(3, np.float32)}, {}),
    ):
        with pytest.raises(BackendError, match=r"; pip install safetensors$") as said:
            work()
        assert "damaged" not in str(said.value)
