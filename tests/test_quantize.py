"""INT8: which convolutions, what stays in fp32, and that the picture is still the same."""

import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper

from tests.golden import formula
from tests.support.films import pan, scenery
from tests.support.narrow import official_rows, shipped_pyramids
from vsrife import quantize
from vsrife.evaluation.scores.measures import psnr
from vsrife.network.graphs import build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.own.pyramid_row import LEVELS, PyramidRow
from vsrife.network.table import ARCHS, EMBEDDED
from vsrife.weights import find_weights, read_arrays

ROWS = ("4.2", "4.6", "4.14.lite", "4.25")  # bodies, groups, encoders
SIZE = (128, 64)  # a multiple of every row's unit


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """Which convolutions there are depends on no width."""
    with official_rows(4, convs=2), shipped_pyramids():
        yield


def state_of(row):
    if row in EMBEDDED:
        return read_arrays(find_weights(row))
    return formula.make_state(row)


def feeds_of(row, seed=0, count=2):
    arch = ARCHS[row]
    channels = 3 + (arch.encoder.out if arch.encoder else 0)
    frames = pan(scenery(seed), count + 1, speed=2.5)
    whole = [np.resize(f[:, : SIZE[1], : SIZE[0]], (1, channels, *SIZE[::-1])) for f in frames]
    half = np.full((1, 1, 1, 1), 0.5, np.float32)
    for left, right in pairwise(whole):
        yield {"left": left.astype("f4"), "right": right.astype("f4"), "timestep": half}


def run(model, feeds):
    """As the graph says it, node by node: what INT8 kernels make of it differs between CPUs, and
    some of them let sums overflow."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(["image"], feeds)[0][0]


class Conv(NamedTuple):
    """weight: as it counts; step: between its numbers, for each output channel, None in fp32;
    reads_int8: what it reads has passed through 8 bits."""

    weight: np.ndarray
    step: np.ndarray | None
    reads_int8: bool


def convs_of(model):
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        picture, weight = (makers.get(name) for name in node.input[:2])
        reads_int8 = picture is not None and picture.op_type == "DequantizeLinear"
        if weight is None:
            yield Conv(tensors[node.input[1]], None, reads_int8)
            continue
        assert weight.op_type == "DequantizeLinear"
        numbers, step = (tensors[name] for name in weight.input[:2])
        assert numbers.dtype == np.int8
        yield Conv(numbers * step.reshape(-1, 1, 1, 1), step, reads_int8)


def quantized_of(single, quantized):
    """(names of the convolutions that are in INT8, of the others), told apart by their weights:
    names in a quantised graph are those of the quantiser."""
    apart = quantize._with_sums(single)
    weights = {t.name: numpy_helper.to_array(t) for t in apart.graph.initializer}
    known = [
        # a block that runs twice has every node twice, the second one numbered
        (re.sub(r"_\d+$", "", node.name), weights[node.input[1]])
        for node in apart.graph.node
        if node.op_type in ("Conv", "ConvTranspose")
    ]
    inside, outside = set(), set()
    for conv in convs_of(quantized):
        off = 1e-6 if conv.step is None else 0.501 * conv.step.reshape(-1, 1, 1, 1)
        # two where weights are the same constants: the places of a soft-argmax
        names = {
            name
            for name, weight in known
            if weight.shape == conv.weight.shape and (abs(weight - conv.weight) <= off).all()
        }
        # views and keys of a pyramid read what the next convolution reads, in fp32
        assert names
        assert conv.reads_int8 or conv.step is None, names
        encoder = all(name.startswith("encode.") for name in names)
        assert conv.step is not None or not conv.reads_int8 or encoder, names
        inside_or_not = inside if conv.step is not None else outside
        inside_or_not |= names
    assert inside | outside == {name for name, _ in known}
    assert not inside & outside
    return inside, outside


@pytest.fixture(scope="module")
def made(narrow):
    """(fp32 graph, INT8 graph) of rows, made once."""
    kept = {}

    def make(row):
        if row not in kept:
            options = GraphOptions(size=SIZE)
            single = build_flow(state_of(row), ARCHS[row], options, {"model": row})
            kept[row] = single, quantize.quantize(single, feeds_of(row))
        return kept[row]

    return make


@pytest.mark.parametrize("row", ROWS)
def test_the_inner_convolutions_and_no_others_are_in_int8(made, row):
    arch, (single, quantized) = ARCHS[row], made(row)
    inside, outside = quantized_of(single, quantized)
    expected = {f"block{i}.conv0.1.0" for i in range(len(arch.widths))} | {
        f"block{i}.convblock.{j}.{'conv' if arch.body == 'beta' else '0'}"
        for i in range(len(arch.widths))
        for j in range(arch.block_convs(i))
    }
    assert inside == expected
    assert len(outside) >= 2 * len(arch.widths)  # the first and the last of a block
    assert all(re.search(r"conv0\.0\.0|merge|lastconv|peak", name) for name in outside)
    # nothing between blocks, where flow is, passes through 8 bits
    makers = {name: node for node in quantized.graph.node for name in node.output}
    around = [n for n in quantized.graph.node if n.op_type in ("Resize", "GridSample", "Concat")]
    assert {node.op_type for node in around} == {"Resize", "GridSample", "Concat"}
    for node in around:
        kinds = {makers[name].op_type for name in node.input if name in makers}
        assert not kinds & {"DequantizeLinear", "QuantizeLinear"}


def test_of_a_pyramid_the_encoder_and_the_bodies_are_in_int8_and_what_reads_flow_is_not(made):
    row, (_, quantized) = ARCHS["pyramid"], made("pyramid")
    inside, outside = quantized_of(*made("pyramid"))
    blocks = dict(zip((f"block{level}" for level in LEVELS), row.convs, strict=True))
    blocks["last"] = row.last[1]
    assert inside == {
        *(f"encode.conv{i}" for i in range(1, 5)),
        *(f"encode.body{i}" for i in range(2, 5)),
        *(f"{name}.body.{j}" for name, count in blocks.items() for j in range(count)),
    }
    assert {f"{name}.out" for name in blocks} <= outside
    makers = {name: node for node in quantized.graph.node for name in node.output}
    for node in quantized.graph.node:
        if node.op_type in ("Resize", "GridSample"):
            kinds = {makers[name].op_type for name in node.input if name in makers}
            assert not kinds & {"DequantizeLinear", "QuantizeLinear"}


def test_weights_have_a_scale_for_each_channel(made):
    found = [conv for conv in convs_of(made("4.14.lite")[1]) if conv.step is not None]
    assert found
    for conv in found:
        assert conv.step.shape == conv.weight.shape[:1]
        assert len(set(conv.step)) > 1


@pytest.mark.parametrize(("row", "least"), [("nano", 40), ("4.25", 40)])
def test_the_picture_stays(made, row, least):
    single, quantized = made(row)
    for feeds in feeds_of(row, seed=3):
        assert psnr(run(quantized, feeds), run(single, feeds)) > least


@pytest.mark.parametrize("row", ["4.14.lite", "pyramid"])
def test_residual_sums_are_taken_out_of_weights_exactly(made, row):
    single, _ = made(row)
    apart = quantize._with_sums(single)
    sums = [node for node in apart.graph.node if node.name.endswith(".sum")]
    arch = ARCHS[row]
    if isinstance(arch, PyramidRow):  # the encoder's three, of both frames, and the blocks'
        assert len(sums) == 2 * 3 + sum(arch.convs) + arch.last[1]
    else:
        assert len(sums) == sum(arch.block_convs(i) for i in range(len(arch.widths)))
    feeds = next(iter(feeds_of(row)))
    assert run(apart, feeds) == pytest.approx(run(single, feeds), abs=1e-4)


def test_the_file_keeps_what_it_says_of_itself(made):
    assert {p.key: p.value for p in made("4.14.lite")[1].metadata_props} == {"model": "4.14.lite"}
