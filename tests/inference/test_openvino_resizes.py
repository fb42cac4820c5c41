"""Enlargements that are rewritten for OpenVINO's CPU are the same enlargements."""

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tests.network.operations.reference import NumpyOperations
from vsrife.inference.backends.openvino_resizes import MOST, rewritten, weights
from vsrife.network.graphs import build_refine
from vsrife.network.options import GraphOptions
from vsrife.network.table import PYRAMIDS
from vsrife.weights import read_arrays
from vsrife.weights.folders import embedded_folder

LINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}


def enlargement(channels=2, scales=(1, 1, 4, 4), side=8, opset=17, kind=np.float32, **said):
    """A graph of one Resize."""
    shape = [1, channels, side, side + 4]
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), sides)
        for name, sides in (("x", shape), ("y", None))
    ]
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], **said)
    tensor = numpy_helper.from_array(np.array(scales, np.float32), "s")
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], [tensor])
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def kinds(graph):
    return [node.op_type for node in ModelProto.FromString(graph).graph.node]


def run(graph, x):
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(
        None, {"x": x}
    )[0]


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("channels", [1, MOST])
def test_it_is_the_same_to_its_edges(channels, factor):
    graph = enlargement(channels, (1, 1, factor, factor), **LINEAR)
    other = rewritten(graph)
    assert kinds(other) == ["Pad", "Conv", "DepthToSpace"]
    x = np.random.default_rng(0).random((1, channels, 8, 12), np.float32)
    found = run(other, x)
    assert found.shape == (1, channels, 8 * factor, 12 * factor)
    assert np.abs(found - run(graph, x)).max() < 1e-6
    if factor != 3:
        right = NumpyOperations((12, 8)).resize(x, factor)
        assert np.abs(found - right).max() < 1e-6


def test_a_size_need_not_be_known():
    graph = ModelProto.FromString(enlargement(**LINEAR))
    for dim in graph.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.Clear()
    other = rewritten(graph.SerializeToString())
    x = np.random.default_rng(1).random((1, 2, 5, 3), np.float32)
    assert np.abs(run(other, x) - run(graph.SerializeToString(), x)).max() < 1e-6
    assert "Conv" in kinds(other)


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
def test_weights_are_means(factor):
    assert weights(factor).shape == (factor * factor, 3, 3)
    assert weights(factor).sum((1, 2)) == pytest.approx(1)
    assert weights(factor).min() >= 0


OTHERS = {
    "too many channels": {"channels": MOST + 1},
    "smaller": {"scales": (1, 1, 0.5, 0.5)},
    "no whole factor": {"scales": (1, 1, 2.5, 2.5)},
    "one side alone": {"scales": (1, 1, 4, 2)},
    "channels, too": {"scales": (1, 2, 2, 2)},
    "nearest": {"mode": "nearest"},
    "corners": {"coordinate_transformation_mode": "align_corners"},
    "antialias": {"antialias": 1, "opset": 18},
    "channels unknown": {"channels": None},
    "half precision": {"kind": np.float16},
    "an old opset": {"opset": 11},
}


@pytest.mark.parametrize("case", OTHERS)
def test_all_else_stays_as_it_is(case):
    said = {**LINEAR, **OTHERS[case]}
    channels = said.pop("channels", 2)
    graph = enlargement(channels, **said)
    assert rewritten(graph) == graph


def test_flow_and_mask_of_our_own_networks_are_enlarged_so():
    row = PYRAMIDS["nano"]
    state = read_arrays(embedded_folder / "nano.safetensors")
    graph = build_refine(state, row, GraphOptions(size=(64, 64))).SerializeToString()
    assert kinds(graph).count("Resize") == 2
    other = rewritten(graph)
    assert kinds(other).count("Resize") == 0
    assert rewritten(other) == other
    types = {t.data_type for t in ModelProto.FromString(other).graph.initializer}
    assert types <= {TensorProto.FLOAT, TensorProto.INT64}
