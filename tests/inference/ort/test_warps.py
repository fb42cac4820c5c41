"""Warps that are rewritten for ONNX Runtime's CPU are the same warps."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from tests.golden import formula
from tests.network.operations.reference import NumpyOperations
from vsrife.inference.base import Hardware, Settings
from vsrife.inference.ort import backend, warps
from vsrife.network.files.foreign_layouts import build_layout
from vsrife.network.graphs import build_flow
from vsrife.network.operations.onnx.onnx_operations import OnnxOperations
from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS

pytestmark = pytest.mark.skipif(
    not warps.available(onnxruntime), reason="this ONNX Runtime has no DeformConv for the CPU"
)

SIZE = (48, 32)
# Places are rounded otherwise, by 1e-5 of a pixel; pictures are in 0..1
TOLERANCE = 1e-4
QUICK = ("4.6", "4.25", "nano")


def run(graph, feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return session.run(None, {name: feeds[name] for name in names})


def kinds(graph):
    return [node.op_type for node in ModelProto.FromString(graph).graph.node]


def our_warp(s, channels, flow_channels=4):
    """`warp`, or `warp_small` for s > 1, of a pair of frames, as our graphs have it."""
    w = Writer()
    width, height = SIZE
    left, right = (w.input(name, [1, channels, height, width]) for name in ("left", "right"))
    flow = w.input("flow", [1, flow_channels, height, width])
    ops = OnnxOperations(w, SIZE, left)
    pair = ops.stack(left, right)
    out = ops.warp(pair, flow) if s == 1 else ops.warp_small(pair, flow, s)
    found = ops.unstack(out)
    for name, tensor in zip(("l", "r"), found, strict=True):
        w.output(name, tensor, [1, channels, int(height / s), int(width / s)])
    return w.model({}).SerializeToString()


def foreign_warp(size=SIZE, grid=SIZE, kind=TensorProto.FLOAT, **attributes):
    """One GridSample whose grid is an input; size, grid: width and height."""
    shapes = [1, 2, *size[::-1]], [1, *grid[::-1], 2], [1, 2, *grid[::-1]]
    values = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, shape in zip(("picture", "grid", "out"), shapes, strict=True)
    ]
    said = {"mode": "bilinear", "padding_mode": "border", "align_corners": 1} | attributes
    node = helper.make_node("GridSample", ["picture", "grid"], ["out"], **said)
    graph = helper.make_graph([node], "g", values[:2], values[2:])
    opset = [helper.make_opsetid("", 16)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def pictures(random, channels=2, size=SIZE):
    return random.random((1, channels, *size[::-1]), np.float32)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([1, 2, 4, 8]),
    st.integers(1, 7),
    st.floats(0, 60),
    st.integers(0, 2**32 - 1),
)
def test_our_warps_agree_with_their_definition(s, channels, reach, seed):
    random = np.random.default_rng(seed)
    left, right = pictures(random, channels), pictures(random, channels)
    flow = random.normal(0, reach, (1, 4, *SIZE[::-1])).astype(np.float32)
    graph = warps.rewritten(our_warp(s, channels))
    assert "GridSample" not in kinds(graph)
    ops = NumpyOperations(SIZE)
    pair = left.astype(np.float64), right.astype(np.float64)
    wanted = ops.warp(pair, flow) if s == 1 else ops.warp_small(pair, flow, s)
    found = run(graph, {"left": left, "right": right, "flow": flow})
    for got, true in zip(found, wanted, strict=True):
        assert np.abs(got - true).max() < TOLERANCE


def blended(changed=None, first=0, step=8):
    """The blend of both warped pictures by a mask, and samples of their difference."""
    w = Writer()
    width, height = SIZE
    left, right = (w.input(name, [1, 3, height, width]) for name in ("left", "right"))
    flow = w.input("flow", [1, 4, height, width])
    mask = w.input("mask", [1, 3 if changed == "mask of 3" else 1, height, width])
    ops = OnnxOperations(w, SIZE, left)
    one, two = ops.unstack(ops.warp(ops.stack(left, right), flow))
    difference = ops.subtract(two, one) if changed == "right less left" else ops.subtract(one, two)
    onto = one if changed == "onto the left" else two
    out = ops.add(onto, ops.multiply(mask, difference))
    begin, end = w.integers([first] * 2), w.integers([height, width])
    steps, axes = w.integers([step] * 2), w.integers([2, 3])
    if changed == "axes":
        axes = w.integers([3, 2])
    sample = w.op("Slice", difference, begin, end, axes, steps)
    w.output("out", out, [1, 3, height, width])
    w.output("sample", sample, [1, 3, -(-(height - first) // step), -(-(width - first) // step)])
    if changed == "whole difference":
        w.output("all", difference, [1, 3, height, width])
    if changed == "left":
        w.output("all", one, [1, 3, height, width])
    return w.model({}).SerializeToString()


def blend_feeds(seed, reach, mask_channels=1):
    random = np.random.default_rng(seed)
    flow = random.normal(0, reach, (1, 4, *SIZE[::-1])).astype(np.float32)
    feeds = {name: pictures(random, 3) for name in ("left", "right")}
    return feeds | {"flow": flow, "mask": pictures(random, mask_channels)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 7), st.sampled_from([1, 2, 8]), st.floats(0, 60), st.integers(0, 2**32 - 1))
def test_a_blend_agrees_with_its_definition(first, step, reach, seed):
    first %= step
    graph, feeds = warps.rewritten(blended(first=first, step=step)), blend_feeds(seed, reach)
    assert sorted({"GridSample", "Split", "Mul"} & set(kinds(graph))) == ["Split"]  # of offsets
    assert kinds(graph).count("DeformConv") == 2
    pair = feeds["left"].astype(np.float64), feeds["right"].astype(np.float64)
    one, two = NumpyOperations(SIZE).warp(pair, feeds["flow"])
    out, sample = run(graph, feeds)
    assert np.abs(out - (one * feeds["mask"] + two * (1 - feeds["mask"]))).max() < TOLERANCE
    assert np.abs(sample - (one - two)[:, :, first::step, first::step]).max() < TOLERANCE


@pytest.mark.parametrize(
    ("changed", "first", "step"),
    [
        ("right less left", 0, 8),
        ("onto the left", 0, 8),
        ("mask of 3", 0, 8),
        ("axes", 0, 8),
        ("whole difference", 0, 8),
        ("left", 0, 8),
        (None, 8, 8),  # begins after a whole step
        (None, 0, 5),  # of which the sides are no multiples
    ],
)
def test_what_is_no_such_blend_is_computed_as_it_is_written(changed, first, step):
    graph = blended(changed, first, step)
    other, feeds = warps.rewritten(graph), blend_feeds(4, 3, 3 if changed == "mask of 3" else 1)
    assert {"DeformConv", "Mul"} <= set(kinds(other))
    for wanted, got in zip(run(graph, feeds), run(other, feeds), strict=True):
        assert np.abs(wanted - got).max() < TOLERANCE


@pytest.mark.parametrize("row", ["4.25", "nano"])
def test_our_networks_blend_in_the_kernel(row):
    unit = ARCHS[row].pad_unit(1.0)
    model = build_flow(formula.make_state(row), ARCHS[row], GraphOptions(size=(unit, unit)))
    graph = ModelProto.FromString(warps.rewritten(model.SerializeToString())).graph
    masked = [n for n in graph.node if n.op_type == "DeformConv" and len(n.input) == 5]
    assert len(masked) == 1


def unread(graph):
    graph = ModelProto.FromString(graph).graph
    read = {name for node in graph.node for name in node.input} | {x.name for x in graph.output}
    nodes = [node.name for node in graph.node if not read.intersection(node.output)]
    return nodes + [tensor.name for tensor in graph.initializer if tensor.name not in read]


@pytest.mark.parametrize("row", ["4.25", "nano"])
def test_nothing_is_left_that_nothing_reads(row):
    """ONNX Runtime runs such nodes, and says so of such constants."""
    unit = ARCHS[row].pad_unit(1.0)
    model = build_flow(formula.make_state(row), ARCHS[row], GraphOptions(size=(unit, unit)))
    assert unread(warps.rewritten(model.SerializeToString())) == []


def test_what_a_graph_within_a_node_reads_stays():
    model = ModelProto.FromString(our_warp(1, 3))
    graph = model.graph
    graph.node.extend([helper.make_node("Neg", ["left"], ["negative"])])
    out = helper.make_tensor_value_info("chosen", TensorProto.FLOAT, [1, 3, *SIZE[::-1]])
    branches = {
        f"{which}_branch": helper.make_graph(
            [helper.make_node(kind, ["negative"], ["chosen"])], which, [], [out]
        )
        for which, kind in (("then", "Abs"), ("else", "Neg"))
    }
    graph.node.extend(
        [
            helper.make_node("ReduceMax", ["flow"], ["most"], keepdims=0),
            helper.make_node("Greater", ["most", "most"], ["no"]),
            helper.make_node("If", ["no"], ["neither"], **branches),
        ]
    )
    graph.output.extend(
        [helper.make_tensor_value_info("neither", TensorProto.FLOAT, [1, 3, *SIZE[::-1]])]
    )
    random = np.random.default_rng(5)
    feeds = {"left": pictures(random, 3), "right": pictures(random, 3)}
    feeds["flow"] = np.zeros((1, 4, *SIZE[::-1]), np.float32)
    assert np.array_equal(run(warps.rewritten(model.SerializeToString()), feeds)[2], feeds["left"])


def test_the_mean_after_a_warp_is_a_part_of_it():
    assert "AveragePool" not in kinds(warps.rewritten(our_warp(2, 3)))


@pytest.mark.parametrize("grid", [SIZE, (24, 16), (16, 32)])
def test_grids_of_others_agree_with_gridsample(grid):
    random = np.random.default_rng(3)
    graph = foreign_warp(grid=grid)
    feeds = {
        "picture": pictures(random),
        "grid": random.normal(0, 0.8, (1, *grid[::-1], 2)).astype(np.float32),
    }
    other = warps.rewritten(graph)
    assert "DeformConv" in kinds(other)
    wanted, got = run(graph, feeds)[0], run(other, feeds)[0]
    assert np.abs(wanted - got).max() < TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "nearest"},
        {"mode": "bicubic"},
        {"padding_mode": "zeros"},
        {"align_corners": 0},
        {"grid": (20, 30)},  # no step of whole pixels
        {"size": (0, 0)},
        {"kind": TensorProto.DOUBLE},
    ],
)
def test_what_is_no_such_warp_stays_as_it_is(changes):
    graph = foreign_warp(**changes)
    assert warps.rewritten(graph) is graph


def test_graphs_of_any_size_stay_as_they_are():
    graph = build_flow(formula.make_state("4.6"), ARCHS["4.6"], GraphOptions()).SerializeToString()
    assert warps.rewritten(graph) is graph


def rows():
    return [pytest.param(r, marks=() if r in QUICK else pytest.mark.slow) for r in ARCHS]


@pytest.mark.parametrize("row", rows())
def test_whole_networks_give_the_same_pictures(row):
    arch = ARCHS[row]
    unit = arch.pad_unit(1.0)
    options = GraphOptions(size=(unit, unit))
    graph = build_flow(formula.make_state(row), arch, options).SerializeToString()
    other = warps.rewritten(graph)
    assert "DeformConv" in kinds(other)
    if row in QUICK:  # the sharper warp of some rows is bicubic
        assert "GridSample" not in kinds(other)
    random = np.random.default_rng(1)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feeds = {each.name: random.random(each.shape, np.float32) for each in session.get_inputs()}
    for wanted, got in zip(run(graph, feeds), run(other, feeds), strict=True):
        assert np.abs(wanted - got).max() < 10 * TOLERANCE  # through all blocks


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_files_for_vs_mlrt_give_the_same_pictures(layout):
    options = GraphOptions(size=(64, 64))
    model = build_layout(formula.make_state("4.6"), ARCHS["4.6"], options, layout)
    graph = model.SerializeToString()
    other = warps.rewritten(graph)
    assert "GridSample" not in kinds(other)
    random = np.random.default_rng(1)
    planes = random.random((1, 11 if layout == "v1" else 7, 64, 64), np.float32)
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    if layout == "v1":
        planes[:, 7], planes[:, 8], planes[:, 9:] = line, line[:, None], 2 / 63
    wanted, got = (run(each, {"input": planes})[0] for each in (graph, other))
    assert np.abs(wanted - got).max() < 10 * TOLERANCE


def reductions():
    """A graph of opset 16 with what opset 18 has changed, and a warp."""
    model = ModelProto.FromString(foreign_warp())
    graph = model.graph
    graph.node.append(helper.make_node("ReduceMean", ["out"], ["mean"], axes=[1], keepdims=1))
    graph.node.append(helper.make_node("Split", ["out"], ["first", "second"], axis=1))
    graph.node.append(helper.make_node("ReduceL2", ["first"], ["norm"], axes=[2, 3], keepdims=0))
    for name, shape in (("mean", [1, 1, *SIZE[::-1]]), ("norm", [1, 1])):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return model.SerializeToString()


def test_nodes_that_newer_opsets_write_otherwise_are_written_so():
    graph = reductions()
    other = warps.rewritten(graph)
    assert ModelProto.FromString(other).opset_import[0].version == 19
    random = np.random.default_rng(2)
    feeds = {
        "picture": pictures(random),
        "grid": random.normal(0, 0.8, (1, *SIZE[::-1], 2)).astype(np.float32),
    }
    for wanted, got in zip(run(graph, feeds), run(other, feeds), strict=True):
        assert np.allclose(wanted, got, atol=1e-3)


def engine(monkeypatch, folder):
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(folder) if folder else "none")
    wanted = Settings(Path(), None, 1.0, False, False, True, 64, 64, Hardware(threads=1))
    return backend.OrtEngine(wanted)


def stumble(graph):
    raise IndexError("a graph of others")


def broken(graph):
    model = ModelProto.FromString(graph)
    model.graph.node[0].op_type = "NoSuchOperation"
    return model.SerializeToString()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("rewritten", [stumble, broken])
def test_a_graph_that_cannot_be_rewritten_runs_as_it_is(monkeypatch, tmp_path, kept, rewritten):
    monkeypatch.setattr(warps, "rewritten", rewritten)
    runner = engine(monkeypatch, tmp_path if kept else None)
    program = runner.load(foreign_warp())
    random = np.random.default_rng(4)
    picture = pictures(random)[:, :2]
    grid = random.normal(0, 0.8, (1, *SIZE[::-1], 2)).astype(np.float32)
    found = program.run({"picture": runner.put(picture), "grid": runner.put(grid)})["out"]
    assert np.array_equal(found, run(foreign_warp(), {"picture": picture, "grid": grid})[0])


def test_what_is_kept_for_one_way_is_not_taken_for_another(monkeypatch, tmp_path):
    engine(monkeypatch, tmp_path).load(foreign_warp())
    monkeypatch.setattr(warps, "WAY", "another")
    engine(monkeypatch, tmp_path).load(foreign_warp())
    assert len(list(tmp_path.rglob("*.graph"))) == 2


def test_a_runtime_without_the_operation_is_told():
    class Older:
        class SessionOptions:
            pass

        @staticmethod
        def InferenceSession(*_, **__):  # noqa: N802 -- its name
            raise RuntimeError("no kernel")

    assert not warps.available(Older)
