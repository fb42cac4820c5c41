"""Scripts beside exports: files that are not there are one line, and so is what they are not."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.network.tflite_cases import narrow, state_of
from tests.support.scripts import said_by
from vsrife.export import export_model
from vsrife.network.table import ARCHS
from vsrife.weights import save_weights

ROOT = Path(__file__).parents[2]
MIDDLE, WARP = ROOT / "examples/middle.py", ROOT / "docs/examples/warp/warp.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    export_model("nano", folder / "nano.onnx", size=(32, 32))
    export_model("nano", folder / "v1.onnx", layout="v1")
    with pytest.MonkeyPatch.context() as patch:
        row = narrow("4.15.lite")
        patch.setitem(ARCHS, "4.15.lite", row)
        save_weights(folder / "some.safetensors", state_of(row), {})
        export_model(folder / "some.safetensors", folder / "two.onnx")
    encoder = onnx.load(folder / "two.encode.onnx")
    onnx.helper.set_model_props(encoder, {"weights_sha256": "0"})
    onnx.save(encoder, folder / "two.encode.onnx")
    for name, side in {"a.png": 32, "b.png": 16}.items():
        Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(folder / name)
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    return folder


FAULTS = {
    "no pictures": (MIDDLE, ["nano.onnx"], "python middle.py nano.onnx left.png right.png"),
    "no file": (MIDDLE, ["no.onnx", "a.png", "a.png", "out.png"], "no.onnx"),
    "no picture": (MIDDLE, ["nano.onnx", "a.png", "no.png", "out.png"], "no.png"),
    "no such folder": (MIDDLE, ["nano.onnx", "a.png", "a.png", "no/out.png"], "no/out.png"),
    "text": (MIDDLE, ["nano.onnx", "text.png", "a.png", "out.png"], "text.png"),
    "two sizes": (MIDDLE, ["nano.onnx", "a.png", "b.png", "out.png"], "must have one size"),
    "another layout": (MIDDLE, ["v1.onnx", "a.png", "a.png", "out.png"], "v1.onnx is no file of"),
    "an encoder of other weights": (
        MIDDLE, ["two.onnx", "a.png", "a.png", "out.png"], "two.encode.onnx is of other weights",
    ),
    "no file for phones": (WARP, ["no.tflite", "a.png", "a.png", "out.png"], "no.tflite"),
    "no such weights": ("tests.network.half_table", ["no.pth", "--films", "a.mkv"], "no.pth does"),
    "no such film": ("tests.network.mobile_table", ["--film", "no.mkv"], "no.mkv"),
    "no such network": ("tests.network.targets_table", ["no.pth"], "not 'no.pth'"),
}  # fmt: skip  # a table


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # others import them
def test_what_is_wrong_is_said(fault, folder, monkeypatch):
    monkeypatch.chdir(folder)
    script, arguments, message = FAULTS[fault]
    said = said_by(script, *arguments)
    assert message in said
    assert said.startswith("error: ") == (fault != "no pictures")
    assert ("\n" in said) == (fault == "no pictures")
    assert not (folder / "out.png").exists()
