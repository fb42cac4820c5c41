"""Whole files under a wrong name: the message says what they are, and how to go on."""

import gzip

import pytest
import torch
import vapoursynth as vs
from safetensors.torch import save as as_safetensors

from tests.support.clips import clip_of, noise
from tests.support.pickles import legacy_state
from tests.support.states import random_state, save_pickle
from vsrife import rife
from vsrife.cli import main
from vsrife.errors import ModelError
from vsrife.export import export_model
from vsrife.weights import import_folder, read_arrays
from vsrife.weights.readers.file_kinds import why_refused


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    state = random_state("micro")
    save_pickle(folder / "a.pth", state)
    export_model("nano", folder / "a.onnx", size=(32, 32))
    plain = as_safetensors({"a": torch.ones(3)})
    return {
        "safetensors": plain,
        "pytorch": (folder / "a.pth").read_bytes(),
        "old pytorch": legacy_state(state),
        "onnx": (folder / "a.onnx").read_bytes(),
        "ncnn": b"7767517\n1 1\nInput in0 0 1 in0\n",
        "tflite": b"\x1c\0\0\0TFL3" + bytes(100),
        "openvino": b'<?xml version="1.0"?>\n<net name="a" version="11">\n</net>',
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "archive": gzip.compress(plain),
    }


NAMES = {  # content -> a wrong name, and what is said of it
    "safetensors": (".pth", "is a safetensors file, .*; rename it to end in .safetensors"),
    "pytorch": (".safetensors", r"is a PyTorch file, .*; rename it to end in \.pth"),
    "old pytorch": (".onnx", r"is a PyTorch file, .*; rename it to end in \.pth"),
    "onnx": (".pth", r"is an ONNX file, whatever its name says; rename it to end in \.onnx"),
    "ncnn": (".pkl", r"is an ncnn \.param file, .*; rename it to end in \.param"),
    "tflite": (".onnx", "is a TFLite file; name the weights"),
    "openvino": (".pth", "is OpenVINO's IR; name the weights"),
    "lfs": (".safetensors", r"is a pointer of Git LFS, .*; fetch the file itself"),
    "archive": (".safetensors", "is an archive; unpack it"),
}


@pytest.mark.parametrize("content", NAMES)
def test_a_file_under_a_wrong_name_is_called_what_it_is(content, contents, tmp_path):
    suffix, said = NAMES[content]
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(contents[content])
    with pytest.raises(ModelError, match=f"^model file .*mine{suffix} {said}"):
        import_folder.import_all(path, "mine")
    with pytest.raises(vs.Error, match=f"^rife: model file .*mine{suffix} {said}"):
        rife(clip_of(noise(32, 32), 2), model=path, backend="onnx")


def test_under_its_own_name_no_kind_is_refused_as_such(contents):
    own = {"safetensors": ".safetensors", "onnx": ".onnx", "ncnn": ".param"}
    own |= dict.fromkeys(("pytorch", "old pytorch"), ".pth")
    for content, suffix in own.items():
        assert why_refused(contents[content], suffix) == ""
        assert why_refused(contents[content], ".x")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.ckpt", "pytorch", r"must be one of .*, not '\.ckpt'; it is a PyTorch file, .*\.pth"),
        ("m.xml", "openvino", r"must be one of .*, not '\.xml'; OpenVINO's IR is written .*; name"),
        ("m.tflite", "tflite", r"must be one of .*, not '\.tflite'; TFLite is written for other"),
        ("m.txt", "lfs", r"must be one of .*, not '\.txt'; it is a pointer of Git LFS"),
        ("m.bin", "pytorch", r"m\.bin is a PyTorch file, .*; rename it to end in \.pth"),
        ("m.bin", "tflite", r"m\.bin is a TFLite file"),
    ],
)
def test_other_suffixes_are_refused_with_a_way_out(name, content, said, contents, tmp_path):
    path = tmp_path / name
    path.write_bytes(contents[content])
    with pytest.raises(ModelError, match=said):
        import_folder.import_all(path)
    if not name.endswith((".bin", ".txt")):
        with pytest.raises(ModelError, match=said):
            read_arrays(path)


def test_half_an_ncnn_model_is_said_to_be_one(contents, tmp_path):
    param, numbers = tmp_path / "a.param", tmp_path / "a.bin"
    for path, other in ((param, numbers), (numbers, param)):
        with pytest.raises(ModelError, match=rf"{path.name} does not exist; check its path"):
            import_folder.import_all(path)
        path.write_bytes(contents["ncnn"] if path == param else bytes(100))
        with pytest.raises(ModelError, match=f"half of an ncnn model; put {other.name} beside it"):
            import_folder.import_all(path)
        path.unlink()


def test_the_numbers_of_openvinos_ir_are_not_taken_for_ncnns(contents, tmp_path):
    (tmp_path / "a.xml").write_bytes(contents["openvino"])
    (tmp_path / "a.bin").write_bytes(bytes(100))
    with pytest.raises(ModelError, match=r"a\.bin belongs to a\.xml; OpenVINO's IR is written for"):
        import_folder.import_all(tmp_path / "a.bin")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # TorchScript
@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda path: torch.save(torch.nn.Linear(1, 1), path), "more than tensors: torch.nn.modu"),
        (lambda path: torch.jit.script(torch.nn.Linear(1, 1)).save(path), "a TorchScript program"),
    ],
)
def test_a_whole_model_says_what_to_save_instead(save, said, tmp_path):
    save(tmp_path / "a.pth")
    with pytest.raises(ModelError, match=rf"{said}.*\); save its state_dict alone$"):
        read_arrays(tmp_path / "a.pth")


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    for suffix in (".pth", ".safetensors", ".onnx"):
        (tmp_path / f"a{suffix}").touch()
        with pytest.raises(ModelError, match=r"\(it is empty\); (export or )?fetch it again$"):
            import_folder.import_all(tmp_path / f"a{suffix}", "mine")


def test_a_suffix_is_not_taken_for_a_misspelt_word(contents, tmp_path, capsys):
    (tmp_path / "a.ckpt").write_bytes(contents["pytorch"])
    assert main(["models", "import", str(tmp_path / "a.ckpt")]) == 1
    assert capsys.readouterr().err.endswith("rename it to end in .pth\n")
