"""Graphs that take what a known one takes, and are none: refused before the first frame."""

import re

import numpy as np
import onnx
import pytest
import vapoursynth as vs
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tests.support.clips import clip_of, noise, pictures
from vsrife import rife
from vsrife.errors import RifeError

BACKENDS = ("onnx", "openvino")
FLOAT = TensorProto.FLOAT
SIDE = 128  # what clips are padded to where nothing is known of a graph


def value(name, shape=None, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, weights=(), said=None, outputs=("a",)):
    graph = helper.make_graph(nodes, "g", inputs, [value(name) for name in outputs], list(weights))
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, said or {})
    path.write_bytes(model.SerializeToString())  # onnx.save would look for what lies elsewhere


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


CUTS = numpy_helper.from_array(np.array([3, 4]), "cuts")
LEFT = node("Split", "input cuts", "b rest", axis=1)


def seven(path, *nodes, said=None, weights=(), batch=1):
    """A graph that takes vs-mlrt's 7 planes; `b` in it is the left picture, `a` what it gives."""
    save(path, [LEFT, *nodes], [value("input", [batch, 7, "h", "w"])], [CUTS, *weights], said=said)


def refuse(path, backend, message):
    """Gives the error."""
    with pytest.raises(vs.Error, match=f"^rife: .*{message}") as caught:
        rife(clip_of(noise(30, 20), 2), model=path, backend=backend)
    return caught.value


def assert_says_why(error):
    """What is in brackets are words of the runtime's own error, whichever they are."""
    reason = re.search(r"\((.+)\)", str(error))[1]
    while error.__cause__ is not None:
        error = error.__cause__
    assert not isinstance(error, RifeError)
    assert reason in " ".join(str(error).split())


SAME = node("Identity", "b", "a")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_graph_that_the_others_differ_from_runs(tmp_path, backend):
    seven(tmp_path / "x.onnx", SAME)
    left, new, *_ = pictures(
        rife(clip_of(noise(30, 20), 2), model=tmp_path / "x.onnx", backend=backend)
    )
    assert np.abs(new - left).max() < 1e-6


SAID = {
    "modulo=0": "says that it has modulo '0', and 1 to 1024 are possible; export or fetch it again",
    "modulo=1000000000": "modulo '1000000000', and 1 to 1024",
    "modulo=64.0": r"modulo '64\.0', and 1 to 1024",
    "scale=abc": r"scale 'abc', and 0\.25, 0\.5, 1, 2, 4 are possible",
    "scale=inf": "scale 'inf'",
}


@pytest.mark.parametrize("said", SAID)
def test_numbers_that_no_export_says_are_refused(tmp_path, said):
    key, text = said.split("=")
    seven(tmp_path / "x.onnx", SAME, said={key: text})
    refuse(tmp_path / "x.onnx", "onnx", SAID[said])


OUTPUTS = {
    "too many planes": ([node("Identity", "rest", "a")], r"gives image \(1, 4, 128, 128\) float32"),
    "one number": ([node("ReduceMean", "b", "a")], r"gives image \(1, 1, 1, 1\)"),
    "too wide": ([node("Concat", "b b", "a", axis=3)], r"gives image \(1, 3, 128, 256\)"),
    "too small": (
        [node("MaxPool", "b", "a", kernel_shape=[2, 2], strides=[2, 2])],
        r"gives image \(1, 3, 64, 64\) .*where image \(1, 3, 128, 128\) of floating point is need",
    ),
}


@pytest.mark.parametrize("case", OUTPUTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_picture_of_the_clips_size_is_refused(tmp_path, case, backend):
    nodes, message = OUTPUTS[case]
    seven(tmp_path / "x.onnx", *nodes)
    refuse(tmp_path / "x.onnx", backend, message)


def test_a_graph_that_fails_when_it_runs_is_refused(tmp_path):
    shape = numpy_helper.from_array(np.array([3, 5, 7]), "shape")
    seven(tmp_path / "x.onnx", node("Reshape", "b shape", "a"), weights=[shape])
    message = r"cannot make a frame of 128x128 \(.+\); export or fetch it again$"
    assert_says_why(refuse(tmp_path / "x.onnx", "onnx", message))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_unknown_kind_of_node_is_refused_in_the_runtimes_words(tmp_path, backend):
    seven(tmp_path / "x.onnx", node("FooBar", "b", "a"))
    assert_says_why(refuse(tmp_path / "x.onnx", backend, r"cannot read the graph \(.+\)$"))


def test_pictures_by_twos_are_refused(tmp_path):
    seven(tmp_path / "x.onnx", SAME, batch=2)
    refuse(tmp_path / "x.onnx", "onnx", r"takes input \(2x7x\?x\?, float\); understood are")


PICTURE, ONE = [1, 3, "h", "w"], [1, 1, 1, 1]
OWN = {
    "pictures of rank 3": ([[3, "h", "w"], PICTURE, ONE], "image", r"left \(3x\?x\?, float\)"),
    "times of rank 1": ([PICTURE, PICTURE, [1]], "image", r"timestep \(1, float\); understood"),
    "another output": ([PICTURE, PICTURE, ONE], "picture", r"gives picture \(1, 3, 128, 128\)"),
    "too much confidence": (
        [PICTURE, PICTURE, ONE],
        "image confidence",
        r"where confidence \(1,\) of floating point is needed",
    ),
}


@pytest.mark.parametrize("case", OWN)
def test_graphs_that_are_like_our_own_only_by_name_are_refused(tmp_path, case):
    shapes, outputs, message = OWN[case]
    inputs = [
        value(name, shape)
        for name, shape in zip(("left", "right", "timestep"), shapes, strict=True)
    ]
    first, *others = outputs.split()
    nodes = [node("Mul", "left timestep", "m"), node("Add", "m right", first)]
    nodes += [node("Relu", "timestep", name) for name in others]
    save(tmp_path / "x.onnx", nodes, inputs, outputs=(first, *others))
    refuse(tmp_path / "x.onnx", "onnx", message)


def elsewhere(location):
    """Weights that are said to lie in another file."""
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[1, 3, SIDE, SIDE])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("length", str(4 * 3 * SIDE * SIDE))):
        tensor.external_data.add(key=key, value=text)
    return tensor


def constant(location):
    made = node("Constant", "", "w")
    made.attribute.append(
        AttributeProto(name="value", type=AttributeProto.TENSOR, t=elsewhere(location))
    )
    return [made]


def branches(location):
    branch = helper.make_graph(
        [node("Identity", "w", "z")], "s", [], [value("z")], [elsewhere(location)]
    )
    return [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True))),
        node("If", "c", "w", then_branch=branch, else_branch=branch),
    ]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", [constant, branches])
@pytest.mark.parametrize("location", ["secret.bin", "../secret.bin"])
def test_files_beside_are_not_opened_from_deep_inside_a_graph(
    tmp_path, monkeypatch, place, location, backend
):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    for path in (tmp_path / "secret.bin", tmp_path / "in" / "secret.bin"):
        path.write_bytes(np.full(3 * SIDE * SIDE, 0.5, np.float32).tobytes())
    seven(tmp_path / "in" / "x.onnx", *place(location), node("Mul", "b w", "a"))
    assert onnx.load(tmp_path / "in" / "x.onnx", load_external_data=False).graph.node
    refuse(tmp_path / "in" / "x.onnx", backend, "keeps weights in another file, which is never")


@pytest.mark.parametrize("argument", ["threads", "num_streams"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_that_would_stall_the_machine_are_refused(argument, backend):
    with pytest.raises(vs.Error, match=f"{argument} must be at most [0-9]+, not 1000000000000"):
        rife(clip_of(noise(16, 16), 2), backend=backend, **{argument: 10**12})
