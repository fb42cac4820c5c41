"""Graphs of one input and one output give what those with several give."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto

from tests.golden import formula
from vsrife.inference.graphs.stacked import Part, stacked
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS

SIZE = (128, 64)


def run(graph: ModelProto | bytes, feeds, names=None):
    content = graph if isinstance(graph, bytes) else graph.SerializeToString()
    return onnxruntime.InferenceSession(content).run(names, feeds)


def draw(*shape):
    return np.random.default_rng(len(shape)).random(shape, np.float32) * 1.5 - 0.25


@pytest.mark.parametrize("row", ["4.6", "4.25"])  # without an encoder, and with one
def test_a_stack_of_planes_gives_the_picture_and_the_confidence(row):
    arch, state = ARCHS[row], formula.make_state(row)
    out = arch.encoder.out if arch.encoder else 0
    options = GraphOptions(size=SIZE, separate=True)
    flow = build_flow(state, arch, options)
    pictures = [draw(1, 3, *SIZE[::-1]), 1 - draw(1, 3, *SIZE[::-1])]
    codes = [draw(1, out, *SIZE[::-1]), -draw(1, out, *SIZE[::-1])]
    both = [np.concatenate([p.clip(0, 1), c], 1) for p, c in zip(pictures, codes, strict=True)]
    feeds = {"left": both[0], "right": both[1], "timestep": np.full((1, 1, 1, 1), 0.3, "f4")}
    feeds |= {"left_picture": pictures[0], "right_picture": pictures[1]}
    image, confidence = run(flow, feeds, ["image", "confidence"])

    parts = [Part("left_picture", 3), Part("timestep", 1), Part("right_picture", 3)]
    joined = {side: (f"{side}_picture",) for side in ("left", "right")}
    planes = [pictures[0], np.full((1, 1, *SIZE[::-1]), 0.3, "f4"), pictures[1]]
    if out:
        parts += [Part("left_code", out), Part("right_code", out)]
        joined = {side: (f"{side}_picture", f"{side}_code") for side in ("left", "right")}
        planes += codes
    graph = stacked(flow, parts, SIZE, joined)
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
    (found,) = run(graph, {"input": np.concatenate(planes, 1)})
    assert found.shape == (1, 4, *SIZE[::-1])
    assert np.array_equal(found[:, :3], image)
    assert (found[:, 3] == confidence).all()


def test_a_graph_of_one_input_stays_what_it_is():
    arch, state = ARCHS["4.25"], formula.make_state("4.25")
    encoder = build_encoder(state, arch, GraphOptions(size=SIZE))
    image = draw(1, 3, *SIZE[::-1])
    (wanted,) = run(encoder, {"image": image})
    graph = stacked(encoder, [Part("image", 3)], SIZE)
    (found,) = run(graph, {"input": image})
    assert np.array_equal(found, wanted)
    # ONNX Runtime warns of each constant that no node uses, on the stderr of vspipe
    model = onnx.load_from_string(graph).graph
    used = {name for node in model.node for name in node.input}
    assert {tensor.name for tensor in model.initializer} <= used
