"""vsrife export --target ncnn: folders that other programs run, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.states import random_state
from tests.support.store import own_store
from vsrife import cli
from vsrife.cli import main
from vsrife.errors import ArgumentError, MediaError, ModelError
from vsrife.export import export_model
from vsrife.network.files.ncnn_files import check_path
from vsrife.network.table import ARCHS, IFNETS, PYRAMIDS
from vsrife.weights import importing, read_arrays, save_weights

__all__ = ["own_store"]  # a fixture

ROWS = list(IFNETS)
NAMES = {32: "rife-v4", 64: "rife-v4.25", 128: "rife-v4.25-lite"}  # by the padding they stand for


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The networks with an eighth of their widths: the same structure, a fiftieth of the bytes."""
    for row in ROWS:
        widths = tuple(width // 8 for width in ARCHS[row].widths)
        monkeypatch.setitem(ARCHS, row, replace(ARCHS[row], widths=widths))


def weights_of(row, folder):
    state, path = random_state(row), folder / f"{row}.safetensors"
    save_weights(path, state, {})
    return path, state


def round_trip(row, folder, **options):
    """What is exported, and what is imported again."""
    path, state = weights_of(row, folder)
    exported = folder / NAMES[ARCHS[row].modulo]
    export_model(path, exported, target="ncnn", **options)
    _, file = importing.import_model(exported, "mine", arch=row)
    return state, read_arrays(file)


@pytest.mark.parametrize(
    ("row", "warp"),
    [*((row, "rife") for row in [*ROWS, *PYRAMIDS]), ("4.0", "gridsample"), ("4.25", "gridsample")],
)
def test_what_is_exported_is_imported_bit_for_bit(row, warp, tmp_path):
    state, back = round_trip(row, tmp_path, warp=warp)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize("row", ["4.0", "4.6", "4.13"])
def test_an_ensemble_is_imported_as_one_network(row, tmp_path):
    state, back = round_trip(row, tmp_path, ensemble=True)
    assert all(np.array_equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize("row", ["4.2", "4.14.lite", "4.25"])
def test_fp16_rounds_convolutions_and_nothing_else(row, tmp_path):
    state, back = round_trip(row, tmp_path, precision="fp16")
    for key, value in state.items():
        rounded = value.ndim == 4 and value.shape[2] > 1
        assert np.array_equal(back[key], value.astype(np.float16) if rounded else value)


def test_the_command_prints_both_files(tmp_path, capsys):
    path, _ = weights_of("4.6", tmp_path)
    folder = tmp_path / "rife-v4.6"
    assert main(["export", str(path), "-o", str(folder), "--target", "ncnn"]) == cli.OK
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(folder / "flownet.param"), str(folder / "flownet.bin")]
    assert err == ""
    assert sorted(file.name for file in folder.iterdir()) == ["flownet.bin", "flownet.param"]


@pytest.mark.parametrize("row", ["4.0", "4.25"])
def test_who_exports_a_network_that_rescales_is_told_that_the_file_does_not(row, tmp_path, capsys):
    path, _ = weights_of(row, tmp_path)
    export_model(path, tmp_path / NAMES[ARCHS[row].modulo], target="ncnn")
    assert ("keeps its scales in an ncnn file" in capsys.readouterr().err) == ARCHS[row].rescales


@pytest.mark.parametrize(
    ("row", "options", "told"),
    [("4.14.lite", {"fold": True}, True), ("4.14.lite", {}, False), ("4.6", {"fold": True}, False)],
)
def test_who_folds_for_an_older_program_is_told_if_that_still_lacks_a_layer(
    row, options, told, tmp_path, capsys
):
    path, _ = weights_of(row, tmp_path)
    export_model(path, tmp_path / "rife-v4", target="ncnn", **options)
    said = capsys.readouterr().err
    assert (
        f"cannot run {path.name}: it is built without ConvolutionDepthWise; its" in said
    ) == told
    assert told or not said


@pytest.mark.parametrize(("row", "told"), [("4.6", False), ("nano", True)])
def test_who_folds_a_network_without_gains_is_told_that_nothing_changes(
    row, told, tmp_path, capsys
):
    path, _ = weights_of(row, tmp_path)
    export_model(path, tmp_path / "rife-v4", target="ncnn", fold=True)
    assert ("its file is the same without fold" in capsys.readouterr().err) == told


def test_exporting_needs_neither_onnx_nor_torch_nor_ncnn(tmp_path):
    path, _ = weights_of("4.6", tmp_path)
    names = [key for key in random_state("4.6") if key.startswith("block0.conv0.1.0")]
    assert names
    code = f"""
import sys
from dataclasses import replace
from vsrife.network.table import ARCHS
ARCHS["4.6"] = replace(ARCHS["4.6"], widths={ARCHS["4.6"].widths})
from vsrife.export import export_model
export_model({str(path)!r}, {str(tmp_path / "rife-v4")!r}, target="ncnn")
print(sorted({{"torch", "onnx", "ncnn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


FAULTS = {
    "a name without a version": (
        ["4.6.safetensors", "-o", "mine"],
        "the folder must have rife-v4 in its name, by which programs choose the padding of 32",
    ),
    "a name of less padding": (
        ["4.25.safetensors", "-o", "rife-v4.6"],
        "the folder must have rife-v4.25 in its name, by which programs choose the padding of 64",
    ),
    "a name of an older network": (
        ["4.6.safetensors", "-o", "rife-v2-rife-v4"],
        "must not have rife-v2 in it, which stands for an older network",
    ),
    "a scale beyond all padding": (
        ["4.25.safetensors", "-o", "rife-v4.25-lite", "--scale", "0.25"],
        "scale must be larger for this model: sides would be multiples of 256 pixels",
    ),
    "an ensemble": (
        ["4.25.safetensors", "-o", "rife-v4.25", "--ensemble"],
        "ensemble is not supported in v4.25",
    ),
    "a size": (["4.6.safetensors", "-o", "rife-v4", "--size", "64x64"], "size is for target onnx"),
    "a layout": (
        ["4.6.safetensors", "-o", "rife-v4", "--layout", "v2"],
        "layout is for target onnx and openvino, not ncnn; leave it out",
    ),
    "no folder around it": (["4.6.safetensors", "-o", "no/rife-v4"], "folder no does not exist"),
    "the name of a file": (
        ["4.6.safetensors", "-o", "rife-v4.param"],
        "must be a folder, not the n",
    ),
    "a file in its place": (["4.6.safetensors", "-o", "rife-v4-file"], "rife-v4-file is a file; c"),
    "a file of that name": (
        ["4.6.safetensors", "-o", "rife-v4-full"],
        "flownet.bin exists; c",
    ),
    "a missing model": (["no.safetensors", "-o", "rife-v4"], "no.safetensors does not exist"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_done_is_one_line_and_no_file(fault, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for row in ("4.6", "4.25"):
        weights_of(row, tmp_path)
    Path("rife-v4-file").touch()
    Path("rife-v4-full").mkdir()
    Path("rife-v4-full", "flownet.bin").write_text("somebody's", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    arguments, message = FAULTS[fault]
    assert main(["export", *arguments, "--target", "ncnn"]) == cli.FAILED
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("rife-v4-full", "flownet.bin").read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("option", [["--warp", "gridsample"], ["--fold"]])
def test_what_is_for_ncnn_alone_is_refused_elsewhere(option, tmp_path, capsys):
    arguments = ["export", "nano", "-o", str(tmp_path / "a.onnx"), *option]
    assert main(arguments) == cli.FAILED
    said = capsys.readouterr().err
    assert f"{option[0].strip('-')} is for target ncnn, not onnx; leave it out" in said


def test_folded_gains_cannot_be_imported(tmp_path):
    with pytest.raises(
        ModelError, match=r"has its gains folded into its convolutions.*import a file without"
    ):
        round_trip("4.6", tmp_path, fold=True)


@pytest.mark.parametrize(
    ("option", "allowed"),
    [("target", "onnx, openvino, ncnn"), ("warp", "rife, gridsample"), ("precision", "fp32, fp16")],
)
def test_words_of_another_kind_are_refused(option, allowed, tmp_path):
    options = {"target": "ncnn", option: "x"}
    with pytest.raises(ArgumentError, match=f"{option} must be one of {allowed}.*, not 'x'"):
        export_model("4.6", tmp_path / "rife-v4", **options)


def test_files_appear_together_or_not_at_all(tmp_path, monkeypatch):
    """The disk fills up while the second file is written; the folder goes, too."""
    path, _ = weights_of("4.6", tmp_path)
    whole = Path.write_bytes

    def fill_up(file, content):
        if "flownet.bin" in file.name:
            whole(file, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return whole(file, content)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(MediaError, match="bin cannot be written: the disk is full; make room"):
        export_model(path, tmp_path / "rife-v4", target="ncnn")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_is_filled_and_its_files_are_replaced_on_purpose(tmp_path):
    path, _ = weights_of("4.6", tmp_path)
    folder = tmp_path / "rife-v4"
    folder.mkdir()
    (folder / "README").touch()
    export_model(path, folder, target="ncnn")
    before = (folder / "flownet.bin").read_bytes()
    with pytest.raises(MediaError, match=r"flownet\.param exists"):
        export_model(path, folder, target="ncnn")
    export_model(path, folder, target="ncnn", precision="fp16", overwrite=True)
    assert (folder / "flownet.bin").read_bytes() != before
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize(
    ("path", "unit", "fits"),
    [
        ("rife-v4", 32, True),
        ("rife-v4", 64, False),
        ("models/rife-v4.22_ensembleFalse", 32, True),
        ("rife-v4.25-mine", 64, True),
        ("rife-v4.25-mine", 32, True),
        ("rife-v4.25", 128, False),
        ("rife-v4.25-lite_ensembleFalse", 128, True),
        ("rife-v4.26-large", 64, True),
        ("rife-v4.26/rife-v4.25-lite", 128, False),  # the last rule of such programs counts
        ("rife-v4.25/mine", 64, False),  # only those that are given the whole path see it
        ("rife-v3.1/rife-v4", 32, False),
    ],
)
def test_a_path_is_taken_as_programs_take_it(path, unit, fits):
    if fits:
        check_path(path, unit)
    else:
        with pytest.raises(ArgumentError):
            check_path(path, unit)
