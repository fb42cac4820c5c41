"""OpenVINO IR of every row, read back from its files, against the torch target."""

import errno
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

from tests.golden import formula
from tests.network.tflite_cases import ROWS, by_torch, frames, narrow, psnr, size_of, state_of
from vsrife import cli
from vsrife.errors import BackendError, MediaError
from vsrife.export import export_model
from vsrife.inference.backends import openvino_files
from vsrife.network import build
from vsrife.network.files.targets import FileOptions
from vsrife.network.table import ARCHS, EMBEDDED, arch_of
from vsrife.weights import embedded_folder, read_arrays
from vsrife.weights.files import save_weights

TOLERANCE = 1e-3  # of pictures in 0..1; rounding alone gives 1e-5
T = np.full((1, 1, 1, 1), 0.3, np.float32)


def compiled(folder, part=""):
    """The network in `graph.xml` or `graph.PART.xml`, computed in the types that it has."""
    core = openvino.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    path = folder / f"graph{part and '.'}{part}.xml"
    return core.compile_model(core.read_model(path), "CPU", exact)


def write(folder, state, row, **options):
    found = openvino_files.build(state, row, FileOptions(**options), {"model": "some"})
    for name, content in found.items():
        (folder / f"graph{name}").write_bytes(content)
    return [f"graph{name}" for name in found]


def run(folder, left, right, *, encodes):
    if encodes:
        encoder = compiled(folder, "encode")
        left, right = (encoder({"image": frame})["features"] for frame in (left, right))
    return compiled(folder)({"left": left, "right": right, "timestep": T})["image"]


# With a doubled graph, with an encoder and without, and of every other design: nodes of all kinds
# are compiled in test_parity. Below, in `.ci/slow`, all rows at their full width
SOME = ["4.0", "4.14.lite", "4.25", "nano", "mobile3"]


@pytest.mark.parametrize(("name", "fixed"), [*((name, True) for name in SOME), ("4.25", False)])
def test_every_row_gives_the_picture_of_the_torch_network(name, fixed, tmp_path):
    row = narrow(name)
    size = size_of(row)
    files = write(tmp_path, state_of(row), row, size=size if fixed else None)
    parts = ["", *([".encode"] if row.encoder else []), *([".doubled"] if row.rescales else [])]
    assert files == [f"graph{part}{end}" for part in parts for end in (".xml", ".bin")]
    got = run(tmp_path, *frames(size), encodes=row.encoder)
    assert np.abs(got - by_torch(row).image).max() < TOLERANCE
    assert np.abs(frames(size)[0] - by_torch(row).image).max() > 0.05  # no frame as it came


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, "fp16") for name in EMBEDDED), (EMBEDDED[0], "fp32")],
)
def test_shipped_models_are_within_50_db_in_fp16(name, precision, tmp_path):
    state = read_arrays(embedded_folder / f"{name}.safetensors")
    write(tmp_path, state, arch_of(name), precision=precision, size=(96, 64))
    left, right = (frame[None] for frame in formula.make_images(64, 96))
    net = build(name, state_dict={key: torch.from_numpy(x) for key, x in state.items()})
    with torch.inference_mode():
        wanted = net(torch.from_numpy(left), torch.from_numpy(right), 0.3).numpy()
    got = run(tmp_path, left, right, encodes=False)
    if precision == "fp32":
        assert np.abs(got - wanted).max() < TOLERANCE
    assert 50 < psnr(got, wanted) < (200 if precision == "fp32" else 110)  # and it is in fp16


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_rows_at_their_full_width(name, tmp_path):
    row = arch_of(name)
    write(tmp_path, state_of(row), row)
    got = run(tmp_path, *frames(size_of(row)), encodes=row.encoder)
    assert np.abs(got - by_torch(row).image).max() < TOLERANCE


def types_in(folder):
    """How many tensors of each kind of node are fp16 and fp32, and the constants."""
    nodes = openvino.Core().read_model(folder / "graph.xml").get_ordered_ops()
    kinds = {openvino.Type.f16: Counter(), openvino.Type.f32: Counter()}
    for node in nodes:
        for output in node.outputs():
            if output.get_element_type() in kinds:
                kinds[output.get_element_type()][node.get_type_name()] += 1
    constants = [node for node in nodes if node.get_type_name() == "Constant"]
    return kinds[openvino.Type.f16], kinds[openvino.Type.f32], constants


@pytest.mark.parametrize("name", ["4.0", "4.25", "nano"])
def test_in_fp16_only_convolutions_and_what_lies_between_them_are(name, tmp_path):
    row = narrow(name)
    write(tmp_path, state_of(row), row, precision="fp16", size=(64, 64))
    half, full, constants = types_in(tmp_path)
    assert {"Convolution", "Convert"} <= set(half)
    assert not {"GridSample", "Interpolate", "AvgPool", "ReduceMean", "Exp"} & set(half)
    assert full["GridSample"] > 0
    assert full["Constant"] >= 5  # places and factors of warps, and of the blend
    large = [node for node in constants if len(node.shape) == 4 and np.prod(node.shape) > 1000]
    assert {node.get_element_type() for node in large} == {openvino.Type.f16}


def test_in_fp32_nothing_is_fp16(tmp_path):
    row = narrow("4.25")
    write(tmp_path, state_of(row), row)
    half, full, _ = types_in(tmp_path)
    assert not half
    assert full["Constant"] > 50


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_layouts_of_vs_mlrt_have_one_input_and_one_output(layout, tmp_path):
    row = narrow("4.6")
    assert write(tmp_path, state_of(row), row, layout=layout) == ["graph.xml", "graph.bin"]
    net, (width, height) = compiled(tmp_path), size_of(row)
    planes = {"v1": 11, "v2": 7}[layout]
    feed = np.zeros((1, planes, height, width), np.float32)
    feed[:, :3], feed[:, 3:6], feed[:, 6] = *frames((width, height)), T
    if layout == "v1":
        feed[:, 7] = np.linspace(-1, 1, width)
        feed[:, 8] = np.linspace(-1, 1, height)[:, None]
        feed[:, 9], feed[:, 10] = 2 / (width - 1), 2 / (height - 1)
    assert np.abs(net({"input": feed})["output"] - by_torch(row).image).max() < TOLERANCE


def test_where_motion_is_large_the_doubled_graph_takes_over(tmp_path):
    """4.0 and 4.1; that it is right is shown of the ONNX graph that it is made of."""
    row = narrow("4.0")
    write(tmp_path, state_of(row), row)
    first, second = compiled(tmp_path), compiled(tmp_path, "doubled")
    assert [tuple(x.shape) for x in first.outputs if "largest" in x.get_names()] == [(1, 2)]
    assert "largest" not in {name for x in second.outputs for name in x.get_names()}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A weights file of a narrow 4.6, which then is what 4.6 means."""
    row = narrow("4.6")
    monkeypatch.setitem(ARCHS, "4.6", row)
    save_weights(tmp_path / "some.safetensors", state_of(row), {"licence": "of the tests"})
    return tmp_path / "some.safetensors"


def test_the_command_writes_two_files_that_say_what_they_are(model, tmp_path, capsys):
    out = tmp_path / "graph.xml"
    asked = ["--size", "96x64", "--precision", "fp16", "--ensemble"]
    assert cli.main(["export", str(model), "-o", str(out), "--target", "openvino", *asked]) == 0
    assert capsys.readouterr().out.splitlines() == [str(out), str(tmp_path / "graph.bin")]
    facts = openvino.Core().read_model(out).get_rt_info("vsrife").astype(dict)
    said = {name: value.astype(str) for name, value in facts.items()}
    assert said.pop("generator").startswith("vsrife ")
    assert said == {
        "model": "some.safetensors", "arch": "4.6", "layout": "own", "scale": "1",
        "ensemble": "true", "precision": "fp16", "modulo": "32", "size": "96x64",
        "part": "flow", "licence": "of the tests",
    }  # fmt: skip  # a table
    assert tuple(compiled(tmp_path).input("left").shape) == (1, 3, 64, 96)


def test_files_of_one_export_say_of_which_weights_they_are(tmp_path):
    row = narrow("4.15.lite")

    def digests(change):
        state = {key: value + change for key, value in state_of(row).items()}
        write(tmp_path, state, row, size=(64, 64))
        read = openvino.Core().read_model
        paths = [tmp_path / f"graph{part}.xml" for part in ("", ".encode")]
        return {read(path).get_rt_info(["vsrife", "weights_sha256"]).astype(str) for path in paths}

    first, second = digests(0), digests(1e-3)
    assert len(first) == len(second) == 1
    assert first != second


def test_the_second_file_is_never_replaced_by_chance(model, tmp_path, capsys):
    other = tmp_path / "graph.bin"
    other.write_bytes(b"somebody's")
    asked = ["export", str(model), "-o", str(tmp_path / "graph.xml"), "--target", "openvino"]
    assert cli.main(asked) == cli.FAILED
    assert "graph.bin exists; choose another name" in capsys.readouterr().err
    assert other.read_bytes() == b"somebody's"
    assert not (tmp_path / "graph.xml").exists()


@pytest.mark.parametrize(
    ("out", "more", "said"),
    [
        ("graph.onnx", [], "graph.onnx must end in .xml, not '.onnx'"),
        ("graph.xml", ["--size", "100x64"], "size must be multiples of 32, not 100x64; pad pict"),
        ("graph.xml", ["--precision", "int8"], "precision must be one of fp32, fp16, not 'int8'"),
        ("graph.xml", ["--warp", "gridsample"], "is for target ncnn, not openvino"),
        ("graph.xml", ["--flow-only"], "is for target tflite, not openvino"),
        ("graph.xml", ["--scale", "3"], "scale must be 0.25, 0.5"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(model, tmp_path, capsys, out, more, said):
    asked = ["export", str(model), "-o", str(tmp_path / out), "--target", "openvino", *more]
    assert cli.main(asked) == cli.FAILED
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


def test_a_version_that_cannot_convert_is_one_line(model, tmp_path, monkeypatch):
    class Core:
        def read_model(self, graph):
            raise RuntimeError("Exception from core\nno rule for\nGridSample")

    monkeypatch.setattr(openvino_files.ov, "Core", Core)
    with pytest.raises(BackendError, match=r"cannot convert the graph .*GridSample"):
        export_model(model, tmp_path / "graph.xml", target="openvino")


def test_a_full_disk_is_not_taken_for_a_graph_that_cannot_be_converted(
    model, tmp_path, monkeypatch
):
    def fill(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    def save(graph, path, **_):
        path.with_suffix(".bin").touch()
        raise RuntimeError("basic_ios::clear: iostream error")  # all that OpenVINO says

    monkeypatch.setattr(Path, "write_bytes", fill)
    monkeypatch.setattr(openvino_files.ov, "save_model", save)
    with pytest.raises(MediaError, match=r"folder .* \(No space left on device\); make room"):
        export_model(model, tmp_path / "graph.xml", target="openvino")
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


def test_a_temporary_folder_that_is_gone_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(MediaError, match=r"gone cannot be written \(No such file or directory\)"):
        export_model(model, tmp_path / "graph.xml", target="openvino")


@pytest.mark.parametrize("fault", ["openvino", "onnx"])
def test_a_missing_package_is_named_with_the_extra_that_has_it(fault, tmp_path):
    code = f"""
import sys
sys.modules[{fault!r}] = None
from vsrife import cli
print(cli.main(["export", "nano", "-o", {json.dumps(str(tmp_path / "a.xml"))},
                "--target", "openvino"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{cli.FAILED}\n"
    assert "target openvino needs what is not installed: " in done.stderr
    assert fault in done.stderr
    assert 'pip install ".[openvino]"' in done.stderr
    assert done.stderr.count("\n") == 1
