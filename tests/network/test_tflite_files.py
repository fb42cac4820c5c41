"""What stands in a TFLite file, and what `vsrife export --target tflite` says and refuses."""

import importlib.util
import json
import subprocess
import sys

import flatbuffers
import numpy as np
import pytest

from tests.network.tflite_cases import content_of, narrow, state_of
from tests.network.tflite_runtime import Tflite
from vsrife import cli, export
from vsrife.errors import ArgumentError, BackendError
from vsrife.network.files import tflite_files
from vsrife.network.files.targets import FileOptions
from vsrife.network.operations.tflite.tflite_operations import TfliteOperations
from vsrife.network.operations.tflite.tflite_schema import file_of, schema
from vsrife.network.operations.tflite.tflite_writer import Writer
from vsrife.network.table import ARCHS
from vsrife.weights.files import save_weights


def model_of(content):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


@pytest.fixture(scope="module")
def content():
    return content_of(narrow("4.22.lite"), FileOptions(precision="fp16"))


@pytest.mark.parametrize(
    ("flow_only", "outputs"),
    [(False, {"image": (64, 96, 3)}), (True, {"flow": (32, 48, 4), "mask": (32, 48, 1)})],
)
def test_inputs_and_outputs_have_names_and_one_size(flow_only, outputs):
    runner = Tflite(content_of(narrow("4.6"), FileOptions(flow_only=flow_only))).interpreter
    details = runner.get_signature_runner()
    found = {**details.get_input_details(), **details.get_output_details()}
    shapes = {name: tuple(map(int, entry["shape"])) for name, entry in found.items()}
    inputs = {"left": (64, 96, 3), "right": (64, 96, 3), "timestep": (1, 1, 1)}
    assert shapes == {name: (1, *shape) for name, shape in {**inputs, **outputs}.items()}
    assert {entry["dtype"] for entry in found.values()} == {np.float32}
    # programs without signatures see the names of tensors
    plain = [*runner.get_input_details(), *runner.get_output_details()]
    assert {entry["name"] for entry in plain} == set(shapes)


def test_a_file_says_what_it_is(content):
    model = model_of(content)
    assert content[4:8] == b"TFL3"
    assert (model.version, model.description) == (3, b"vsrife some")
    (entry,) = model.metadata
    assert entry.name == b"vsrife"
    facts = json.loads(bytes(model.buffers[entry.buffer].data))
    assert facts == {"model": "some", "flow_only": "false", "blocks": "all"}


def test_constants_are_aligned_and_written_once(content):
    root = schema.Model.GetRootAs(content, 0)
    tables = [root.Buffers(i) for i in range(root.BuffersLength())]
    filled = [table for table in tables if not table.DataIsNone()]
    for table in filled:
        field = flatbuffers.number_types.UOffsetTFlags.py_type(table._tab.Offset(4))
        assert table._tab.Vector(field) % 16 == 0
    tensors = model_of(content).subgraphs[0].tensors
    kept = [(t.type, tuple(t.shape), t.buffer) for t in tensors if t.buffer]
    contents = [(*key, bytes(tables[key[2]].DataAsNumpy())) for key in kept]
    plain = [(kind, shape, data) for kind, shape, _, data in contents]
    assert len(set(plain)) == len(plain) > 20


@pytest.mark.parametrize(("precision", "size"), [("fp32", 4), ("fp16", 2), ("int8", 1)])
def test_the_weights_make_the_size_of_a_file(precision, size):
    row = narrow("4.25")
    weights = sum(value.size for value in state_of(row).values())
    found = len(content_of(row, FileOptions(precision=precision)))
    # 650 nodes and their tensors take some 250 bytes each
    assert size * weights < found < size * weights + 300_000


def test_all_arithmetic_is_fp32(content):
    graph = model_of(content).subgraphs[0]
    results = [graph.tensors[place] for node in graph.operators for place in node.outputs]
    kinds = {result.type for result in results}
    assert kinds == {schema.TensorType.FLOAT32, schema.TensorType.INT32}


def test_each_output_of_a_layer_has_its_own_scale_in_int8():
    w = Writer("int8")
    ops = TfliteOperations(w, (1, 1))
    value = np.array([[1.0, -0.5], [0.0, 0.0], [1e-3, 4e-4]], np.float32)
    x = w.input("x", (3, 1, 1, 2))
    w.output("y", ops.add(x, w.weight(value.reshape(x.shape))))
    found = Tflite(file_of(w, {}))({"x": np.zeros(x.shape, np.float32)})["y"].reshape(3, 2)
    highest = np.abs(value).max(1, keepdims=True)
    assert (np.abs(found - value) <= highest * (0.5 / 127 + 1e-6)).all()
    assert np.abs(found - value).max() > 1e-4  # and it is in int8


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("4.6", {}, "size must be given.* say 1920x1088"),
        ("4.25", {"size": (100, 64)}, "size must be multiples of 64 for this model, not 100x64; "
                                      "say 128x64"),
        ("4.6", {"size": (64, 48), "scale": 0.5}, "multiples of 64"),
        ("4.25.lite", {"size": (16384, 16384)}, "too large for a TFLite file: a tensor would have "
                                                "[0-9]+ numbers, at most 2147483647"),
        ("4.25", {"size": (64, 64), "ensemble": True}, "ensemble is not supported by the network"),
        ("4.6", {"size": (64, 32), "scale": 3}, "scale must be 0.25, 0.5, "),
        ("4.6", {"size": (64, 32), "blocks": 5}, "blocks must be 1 to 4, not 5"),
        ("4.6", {"size": (64, 32), "blocks": 1.5}, "blocks must be a whole number, not 1.5"),
        ("nano", {"size": (64, 32), "blocks": 1}, "blocks is for models of RIFE v4"),
    ],
)  # fmt: skip  # a table
def test_what_a_file_cannot_hold_is_said_in_one_line(name, options, said):
    row = narrow(name)
    with pytest.raises(ArgumentError, match=said) as caught:
        tflite_files.build(state_of(row), row, FileOptions(**options), {"model": "this"})
    assert "\n" not in str(caught.value)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A weights file of a narrow 4.6, which then is what 4.6 means."""
    row = narrow("4.6")
    monkeypatch.setitem(ARCHS, "4.6", row)
    path = tmp_path / "some.safetensors"
    save_weights(path, state_of(row), {"licence": "MIT"})
    return path


def test_the_command_writes_a_file_that_runs(model, tmp_path, capsys):
    out = tmp_path / "phone.tflite"
    arguments = ["export", str(model), "-o", str(out), "--target", "tflite", "--size", "64x32"]
    assert cli.main([*arguments, "--flow-only", "--precision", "int8"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    assert "24 GATHER" in printed.err
    facts = json.loads(bytes(model_of(out.read_bytes()).buffers[-1].data))
    assert (facts["licence"], facts["precision"], facts["size"]) == ("MIT", "int8", "64x32")
    frame = np.full((1, 32, 64, 3), 0.5, np.float32)
    feeds = {"left": frame, "right": frame, "timestep": np.full((1, 1, 1, 1), 0.5, np.float32)}
    assert {name: y.shape for name, y in Tflite(out.read_bytes())(feeds).items()} == {
        "flow": (1, 16, 32, 4),
        "mask": (1, 16, 32, 1),
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "size must be given"),
        (["--size", "70x70"], "say 96x96"),
        (["--size", "64x64", "--layout", "v2"], "layout is for target onnx"),
    ],
)
def test_the_command_refuses_and_writes_nothing(model, tmp_path, capsys, more, said):
    out = tmp_path / "phone.tflite"
    asked = ["export", str(model), "-o", str(out), "--target", "tflite", *more]
    assert cli.main(asked) == cli.FAILED
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.glob("*phone*"))


def test_a_missing_package_is_named_with_the_way_to_get_it(model, tmp_path, monkeypatch):
    for name in (
        "vsrife.network.files.tflite_files",
        "vsrife.network.operations.tflite.tflite_schema",
    ):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = r'target tflite needs what is not installed: .*ai_edge_litert.*pip install ".\[tflite\]"'
    with pytest.raises(BackendError, match=said):
        export.export_model(model, tmp_path / "a.tflite", target="tflite", size=(64, 32))


def test_writing_a_file_loads_no_runtime():
    code = "import vsrife.network.files.tflite_files, sys; print('ai_edge_litert' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
