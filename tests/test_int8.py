"""INT8: which convolutions, what stays in fp32, and that the picture is still the same."""

import re
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper

from tests.films import pan, scenery
from vsrife import int8, store
from vsrife.evaluation.measures import psnr
from vsrife.graph import GraphOptions, build_flow
from vsrife.net.table import ARCHS, arch_of, state_shapes

ROWS = ("4.2", "4.6", "4.14.lite", "4.25", "nano", "small")  # bodies, groups, encoders, our own
SIZE = (128, 64)  # a multiple of every row's unit


def state_of(row):
    if row in ("nano", "small"):
        return store.read_arrays(store.find_weights(row))
    chance = np.random.default_rng(0)
    return {
        key: (chance.standard_normal(shape) * 0.1).astype(np.float32)
        for key, shape in state_shapes(arch_of(row)).items()
    }


def feeds_of(row, seed=0, count=2):
    arch = ARCHS[row]
    channels = 3 + (arch.encoder.out if arch.encoder else 0)
    frames = pan(scenery(seed), count + 1, speed=2.5)
    whole = [np.resize(f[:, : SIZE[1], : SIZE[0]], (1, channels, *SIZE[::-1])) for f in frames]
    half = np.full((1, 1, 1, 1), 0.5, np.float32)
    for left, right in pairwise(whole):
        yield {"left": left.astype("f4"), "right": right.astype("f4"), "timestep": half}


def run(model, feeds):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["image"], feeds)[0][0]


@pytest.fixture(scope="module")
def made():
    """(fp32 graph, INT8 graph) of rows, made once."""
    kept = {}

    def make(row):
        if row not in kept:
            options = GraphOptions(size=SIZE)
            single = build_flow(state_of(row), ARCHS[row], options, {"model": row})
            kept[row] = single, int8.quantize(single, feeds_of(row))
        return kept[row]

    return make


@pytest.mark.parametrize("row", ROWS)
def test_the_inner_convolutions_and_no_others_are_in_int8(made, row):
    arch, (_, quantized) = ARCHS[row], made(row)
    makers = {name: node for node in quantized.graph.node for name in node.output}

    def quantised(node):
        return all(
            name in makers and makers[name].op_type == "DequantizeLinear" for name in node.input[:2]
        )

    convs = [n for n in quantized.graph.node if n.op_type in ("Conv", "ConvTranspose")]
    # a block that runs twice has every node twice, the second one numbered
    inner = {re.sub(r"_\d+$", "", node.name) for node in convs if quantised(node)}
    expected = {f"block{i}.conv0.1.0" for i in range(len(arch.widths))} | {
        f"block{i}.convblock.{j}.{'conv' if arch.body == 'beta' else '0'}"
        for i in range(len(arch.widths))
        for j in range(arch.block_convs(i))
    }
    assert inner == expected
    single = re.compile(r"conv0\.0\.0|merge|lastconv|peak")
    assert all(single.search(n.name) for n in convs if not quantised(n))
    # nothing between blocks, where flow is, passes through 8 bits
    around = [n for n in quantized.graph.node if n.op_type in ("Resize", "GridSample", "Concat")]
    for node in around:
        kinds = {makers[name].op_type for name in node.input if name in makers}
        assert not kinds & {"DequantizeLinear", "QuantizeLinear"}


def test_weights_have_a_scale_for_each_channel(made):
    quantized = made("nano")[1]
    tensors = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    eight_bits = [t for t in tensors.values() if t.dtype == np.int8 and t.ndim == 4]
    arch = arch_of("nano")
    # of each block the body, and the second convolution of its stem
    assert len(eight_bits) == sum(arch.convs) + len(arch.widths)
    scales = {
        node.input[0]: tensors[node.input[1]]
        for node in quantized.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors
    }
    weights = [name for name in scales if tensors[name].ndim == 4]
    assert all(scales[name].shape == tensors[name].shape[:1] for name in weights)


@pytest.mark.parametrize(("row", "least"), [("nano", 40), ("small", 40)])
def test_the_picture_stays(made, row, least):
    single, quantized = made(row)
    for feeds in feeds_of(row, seed=3):
        assert psnr(run(quantized, feeds), run(single, feeds)) > least


@pytest.mark.parametrize("row", ["4.14.lite", "nano"])
def test_residual_sums_are_taken_out_of_weights_exactly(made, row):
    single, _ = made(row)
    apart = int8._with_sums(single)
    sums = [node for node in apart.graph.node if node.name.endswith(".sum")]
    assert len(sums) == sum(ARCHS[row].block_convs(i) for i, _ in ARCHS[row].runs)
    feeds = next(iter(feeds_of(row)))
    assert run(apart, feeds) == pytest.approx(run(single, feeds), abs=1e-4)


def test_the_file_keeps_what_it_says_of_itself(made):
    assert {p.key: p.value for p in made("nano")[1].metadata_props} == {"model": "nano"}
