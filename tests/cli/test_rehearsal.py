"""What is tried before a film is opened."""

from pathlib import Path

import pytest
import vapoursynth as vs

from vsrife.cli.rife_options import rehearse
from vsrife.export import export_model


@pytest.mark.parametrize("size", [(96, 64), None])
def test_an_onnx_file_is_tried_at_its_own_size(
    tmp_path: Path, size: tuple[int, int] | None
) -> None:
    path = tmp_path / "nano.onnx"
    export_model("nano", path, size=size)
    clip = rehearse({"model": str(path), "backend": "onnx"})
    assert (clip.width, clip.height) == (size or (64, 64))
    assert clip.num_frames == 4


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("this is no graph")
    with pytest.raises(vs.Error, match=r"rife: .*text\.onnx"):
        rehearse({"model": str(path), "backend": "onnx"})
