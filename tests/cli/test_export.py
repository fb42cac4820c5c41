"""vsrife export: files that other programs run, or one line that says why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from tests.golden import formula
from tests.support.narrow import official_rows, shipped_pyramids
from vsrife import cli
from vsrife.cli import main
from vsrife.errors import ArgumentError, MediaError
from vsrife.export import export_model
from vsrife.network import build
from vsrife.network.table import arch_of
from vsrife.weights import save_weights

EXAMPLE = Path(__file__).parents[2] / "examples" / "middle.py"


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """Gives a weights file of a row, narrower than it is, and its state."""
    folder = tmp_path_factory.mktemp("official")

    def write(row):
        state = formula.make_state(row)
        path = folder / f"{row}.safetensors"
        save_weights(path, state, {"licence": "of the tests"})
        return path, state

    with official_rows(4, convs=2), shipped_pyramids():
        yield write


def facts(path):
    return {prop.key: prop.value for prop in onnx.load(path).metadata_props}


def run(path, **feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def test_a_network_with_an_encoder_makes_two_files_that_work_together(official, tmp_path, capsys):
    weights, state = official("4.25")
    out = tmp_path / "rife.4.25.onnx"
    assert main(["export", str(weights), "-o", str(out)]) == cli.OK
    encode = tmp_path / "rife.4.25.encode.onnx"
    assert capsys.readouterr().out.splitlines() == [str(out), str(encode)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [encode.name, out.name]
    frames = [picture[None] for picture in formula.make_images(64, 128)]
    left, right = (run(encode, image=frame)["features"] for frame in frames)
    time = np.full((1, 1, 1, 1), 0.5, np.float32)
    got = run(out, left=left, right=right, timestep=time)
    net = build("4.25", state_dict={key: torch.from_numpy(value) for key, value in state.items()})
    with torch.inference_mode():
        wanted = net(*map(torch.from_numpy, frames), 0.5).numpy()
    assert np.abs(got["image"] - wanted).max() <= 1e-4
    assert facts(encode)["part"] == "encoder"


def test_a_file_says_what_it_is(tmp_path):
    files = export_model(
        "nano", tmp_path / "n.onnx", scale=0.5, size=(64, 32), layout="v2", precision="fp16"
    )
    said = facts(files[0])
    assert said.pop("generator").startswith("vsrife ")
    assert said.pop("weights")  # tests/network/test_onnx_round_trip.py takes them out
    assert said == {
        "model": "nano",
        "arch": "nano",
        "scale": "0.5",
        "ensemble": "false",
        "precision": "fp16",
        "modulo": str(arch_of("nano").pad_unit(0.5)),
        "size": "64x32",
        "layout": "v2",
        "part": "whole",
        "licence": "MIT",
    }


def test_a_weights_file_is_called_by_its_name_and_brings_its_licence(official, tmp_path):
    weights, _ = official("4.6")
    (path,) = export_model(weights, tmp_path / "a.onnx", ensemble=True)
    said = facts(path)
    assert (said["model"], said["arch"]) == ("4.6.safetensors", "4.6")
    assert (said["ensemble"], said["licence"], said["size"]) == ("true", "of the tests", "any")


def test_a_network_that_rescales_brings_the_graph_for_large_motion(official, tmp_path):
    weights, _ = official("4.0")
    files = export_model(weights, tmp_path / "a.onnx", size=(96, 64))
    assert [path.name for path in files] == ["a.onnx", "a.doubled.onnx"]
    shapes = [onnx.load(path).graph.input[0].type.tensor_type.shape.dim for path in files]
    assert [[d.dim_value for d in dims[2:]] for dims in shapes] == [[64, 96], [64, 128]]


FAULTS = {
    "an unknown model": (["4.255", "-o", "x.onnx"], "did you mean 4.25"),
    "no folder": (["nano", "-o", "no/x.onnx"], "folder no does not exist"),
    "another target's suffix": (
        ["nano", "-o", "x.xml"],
        "x.xml must end in .onnx, not '.xml'; target openvino writes that",
    ),
    "another suffix": (["nano", "-o", "x.bin"], "x.bin must end in .onnx, not '.bin'"),
    "a file that is there": (["nano", "-o", "there.onnx"], "there.onnx exists; choose another"),
    "a folder in its place": (
        ["nano", "-o", "f.onnx", "--overwrite"],
        "f.onnx is a folder; choose another name for the file",
    ),
    "a file for a folder": (
        ["nano", "-o", "there.onnx/x.onnx"],
        "there.onnx is a file, and no folder; choose another one",
    ),
    "a file for the folder of a folder": (
        ["nano", "-o", "there.onnx/rife-v4", "--target", "ncnn"],
        "there.onnx is a file, and no folder; choose another one",
    ),
    "the name of a folder": (
        ["nano", "-o", "rife-v4.25"],
        "rife-v4.25 must end in .onnx, not '.25'; say rife-v4.25.onnx, or target ncnn for a folder",
    ),
    "the name of an encoder": (
        ["nano", "-o", "n.encode.onnx"],
        "n.encode.onnx must not end in .encode.onnx, the name of a part beside another file; "
        "say n.onnx",
    ),
    "the name of a part of OpenVINO's": (
        ["nano", "-o", "n.Doubled.xml", "--target", "openvino"],
        "n.Doubled.xml must not end in .doubled.xml",
    ),
    "half of a folder of ncnn": (
        ["nano", "-o", "x.param"],
        "x.param must end in .onnx, not '.param'; target ncnn writes such a file into a folder",
    ),
    "eight bits": (
        ["nano", "-o", "x.onnx", "--precision", "int8"],
        "--precision must be one of fp32, fp16, not 'int8'; target tflite has it, and `vsrife qu",
    ),
    "a size that is no multiple": (
        ["nano", "-o", "x.onnx", "--size", "1920x1080"],
        "size must be multiples of 32, not 1920x1080; pad pictures to 1920x1088",
    ),
    "a size of none": (["nano", "-o", "x.onnx", "--size", "0x64"], "size must be width and height"),
    "a size of one side": (
        ["nano", "-o", "x.onnx", "--size", "64"],
        "--size must be a width and a height",
    ),
    "a huge size": (["nano", "-o", "x.onnx", "--size", "99999x64"], "1 to 16384 pixels"),
    "no such scale": (["nano", "-o", "x.onnx", "--scale", "3"], "scale must be 0.25, 0.5"),
    "an ensemble": (["nano", "-o", "x.onnx", "--ensemble"], "ensemble is not supported in nano"),
    "a missing file": (["no.safetensors", "-o", "x.onnx"], "no.safetensors does not exist"),
    "a graph": (["there.onnx", "-o", "x.onnx"], "weights file, not the graph 'there.onnx'; `vsr"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_done_is_one_line_and_no_file(fault, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").touch()
    Path("f.onnx").mkdir()
    arguments, message = FAULTS[fault]
    assert main(["export", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.onnx", "there.onnx"]


def test_files_appear_together_or_not_at_all(official, tmp_path, monkeypatch, capsys):
    """The disk fills up while the second file is written."""
    weights, _ = official("4.25")
    whole, written = Path.write_bytes, []

    def fill_up(path, content):
        written.append(path)
        if len(written) == 2:
            whole(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    out = tmp_path / "a.onnx"
    assert main(["export", str(weights), "-o", str(out)]) == cli.FAILED
    assert "cannot be written: the disk is full; make room" in capsys.readouterr().err
    assert len(written) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_is_written_as_it_was_asked_for(official, tmp_path):
    weights, _ = official("4.7")
    files = export_model(weights, tmp_path / "A.ONNX", size=(64, 64))
    assert [path.name for path in files] == ["A.ONNX", "A.encode.onnx"]


def test_files_are_replaced_on_purpose_only(tmp_path):
    (path,) = export_model("nano", tmp_path / "a.onnx")
    before = path.read_bytes()
    export_model("nano", path, scale=0.5, overwrite=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", ["a\0b.onnx", "x" * 5000 + ".onnx", "x" * 5000 + "/a.onnx"])
def test_a_name_that_cannot_be_is_refused_as_a_file_that_cannot_be_written(name, tmp_path):
    with pytest.raises(MediaError, match=r"has a null character|check its name and permissions"):
        export_model("nano", tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_second_one_is_kept(official, tmp_path):
    weights, _ = official("4.7")
    other = tmp_path / "a.encode.onnx"
    other.write_text("somebody's", encoding="utf-8")
    with pytest.raises(MediaError, match=r"a\.encode\.onnx exists"):
        export_model(weights, tmp_path / "a.onnx")
    assert [path.name for path in tmp_path.iterdir()] == [other.name]
    assert other.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("size", [(64,), "64x64", (64.0, 64), 64, (True, 64)])
def test_a_size_of_another_kind_is_refused(size, tmp_path):
    with pytest.raises(ArgumentError, match="size must be width and height"):
        export_model("nano", tmp_path / "a.onnx", size=size)


@pytest.mark.parametrize(
    ("option", "allowed"), [("precision", "fp32, fp16"), ("layout", "own, v1, v2")]
)
def test_words_of_another_kind_are_refused(option, allowed, tmp_path):
    with pytest.raises(ArgumentError, match=f"{option} must be one of {allowed}, not 'x'"):
        export_model("nano", tmp_path / "a.onnx", **{option: "x"})


@pytest.mark.parametrize("option", ["ensemble", "flow_only", "fold", "overwrite"])
def test_a_word_is_no_flag(option, tmp_path):
    with pytest.raises(ArgumentError, match=f"{option} must be True or False, not 'no'"):
        export_model("nano", tmp_path / "a.onnx", **{option: "no"})


@pytest.mark.parametrize("path", [None, 5, b"a.onnx"])
def test_a_path_of_another_kind_is_refused(path):
    with pytest.raises(ArgumentError, match="path must be the path of a file or folder, not"):
        export_model("nano", path)


def test_exporting_needs_no_torch(tmp_path):
    code = "import sys; from vsrife.export import export_model; export_model('nano', 'a.onnx')"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("row", ["nano", "4.7"])
def test_the_example_makes_the_middle_picture(row, official, tmp_path):
    model = "nano" if row == "nano" else official(row)[0]
    export_model(model, tmp_path / "m.onnx")
    pictures = [(p.transpose(1, 2, 0) * 255).astype(np.uint8) for p in formula.make_images(50, 70)]
    for name, pixels in zip(("left.png", "right.png"), pictures, strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    files = [tmp_path / name for name in ("m.onnx", "left.png", "right.png", "middle.png")]
    done = subprocess.run(
        [sys.executable, EXAMPLE, *files], capture_output=True, text=True, check=True
    )
    assert "confidence" in done.stdout
    with Image.open(files[-1]) as middle:
        assert middle.size == (70, 50)
