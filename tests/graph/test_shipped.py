"""The embedded models lie in models/ as ONNX files, too, for other programs."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from vsrife.export import export_model
from vsrife.net.table import EMBEDDED
from vsrife.store import embedded_folder


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_file_is_what_an_export_of_the_weights_writes(name: str, tmp_path: Path) -> None:
    shipped = onnx.load(embedded_folder / f"{name}.onnx")
    (path,) = export_model(name, tmp_path / "x.onnx")
    assert shipped.graph == onnx.load(path).graph
