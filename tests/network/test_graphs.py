"""What graphs consist of: nothing but the network, and well-formed."""

from collections import Counter

import numpy as np
import onnx
import pytest

from tests.network.runs import OnnxRuntime, narrow_rows, sizes, state_of
from vsrife.errors import ArgumentError, ModelError
from vsrife.network.files.foreign_layouts import LAYOUTS, build_layout
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.table import IFNETS

__all__ = ["narrow_rows"]  # a fixture
pytestmark = pytest.mark.usefixtures("narrow_rows")

# What arithmetic with shapes consists of; Cast, too, in a graph of fp32
SHAPE_ARITHMETIC = {"Shape", "Range", "ConstantOfShape", "Squeeze", "Unsqueeze", "Constant", "If"}
LAYOUT = {"Identity", "Gather", "Cast"}  # moves numbers about


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def static(row, **options):
    size = sizes(row, GraphOptions())[0]
    return build_flow(state_of(row), IFNETS[row], GraphOptions(size=size, **options))


def every_graph(row):
    """All graphs of a row: static and dynamic ones, both precisions, layouts, the encoder."""
    state, arch = state_of(row), IFNETS[row]
    fixed = GraphOptions(size=sizes(row, GraphOptions())[0], ensemble=arch.ensemble, motion=True)
    for options in (
        fixed,
        GraphOptions(timestep_map=True, half=True),
        GraphOptions(shortcuts=False),
    ):
        yield build_flow(state, arch, options)
        if arch.encoder:
            yield build_encoder(state, arch, options)
    for layout in LAYOUTS:
        yield build_layout(state, arch, GraphOptions(), layout)
        yield build_layout(state, arch, fixed, layout)


def wanted(row, ways=1):
    """How many nodes of the kinds that cost something a row's flow graph must have."""
    arch = IFNETS[row]
    blocks = len(arch.widths)
    convs = sum(2 + arch.block_convs(i) for i in range(blocks))
    counts = {
        "Conv": convs * ways,
        "PRelu" if arch.prelu else "LeakyRelu": convs * ways,
        "ConvTranspose": blocks * ways,
        "DepthToSpace": arch.shuffles * blocks * ways,
        "GridSample": blocks,  # both pictures at once
    }
    return {kind: count for kind, count in counts.items() if count}


@pytest.mark.parametrize("row", IFNETS)
def test_a_static_graph_has_the_networks_nodes_and_no_shape_arithmetic(row):
    counts = kinds(static(row))
    assert {kind: counts[kind] for kind in wanted(row)} == wanted(row)
    assert not set(counts) & (SHAPE_ARITHMETIC | LAYOUT - set(wanted(row)))
    # resizings, joints and warps: a dozen or two for a block, and an end
    room = 20 * len(IFNETS[row].widths) + 50
    assert counts.total() - sum(wanted(row).values()) <= room


@pytest.mark.parametrize("row", [row for row in IFNETS if IFNETS[row].ensemble])
def test_an_ensemble_runs_blocks_twice_and_warps_once(row):
    counts = kinds(static(row, ensemble=True))
    assert {kind: counts[kind] for kind in wanted(row)} == wanted(row, ways=2)


@pytest.mark.parametrize("row", IFNETS)
def test_half_precision_casts_into_a_block_and_out_of_it(row):
    arch = IFNETS[row]
    model = static(row, half=True)
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(casts) == 2 * len(arch.widths)
    outputs = {node.output[0]: node for node in model.graph.node}
    before = [outputs.get(node.input[0]) for node in casts]
    assert not any(node is not None and node.op_type == "Cast" for node in before)
    weights = [t for t in model.graph.initializer if len(t.dims) == 4 and t.dims[-1] > 2]
    large = [t for t in weights if np.prod(t.dims) > 1000]
    assert {t.data_type for t in large} == {onnx.TensorProto.FLOAT16}
    if arch.encoder:
        encoder = build_encoder(state_of(row), arch, GraphOptions(half=True))
        assert kinds(encoder)["Cast"] == 2


@pytest.mark.parametrize("row", ["4.0", "4.7", "4.14.lite", "4.25"])
def test_every_graph_is_valid_and_nothing_in_it_is_left_over(row):
    for model in every_graph(row):
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version <= 18
        graph = model.graph
        made = [name for node in graph.node for name in node.output]
        given = [t.name for t in graph.initializer] + [value.name for value in graph.input]
        read = {name for node in graph.node for name in node.input}
        read |= {value.name for value in graph.output}
        assert [name for name in made + given if name not in read] == []
        assert len(set(made + given)) == len(made + given)
        names = [node.name for node in graph.node]
        assert len(set(names)) == len(names)
        works = [(n.op_type, *n.input, str(n.attribute)) for n in graph.node]
        assert len(set(works)) == len(works), "done twice"


def test_convolutions_are_called_like_the_checkpoints_tensors():
    names = {n.name for n in static("4.25").graph.node if n.op_type.startswith("Conv")}
    assert names == {
        key.removesuffix(".weight")
        for key, tensor in state_of("4.25").items()
        if tensor.ndim == 4 and key.endswith(".weight") and key.startswith("block")
    }


@pytest.mark.parametrize("row", ["4.0", "4.25"])
def test_a_static_graph_tells_the_shapes_of_all_that_it_takes_and_gives(row):
    model = static(row, motion=True)
    taken, given = (
        {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in side}
        for side in (model.graph.input, model.graph.output)
    )
    feeds = {name: np.full(shape, 0.5, np.float32) for name, shape in taken.items()}
    found = OnnxRuntime(model.SerializeToString())(feeds)
    assert {name: value.shape for name, value in found.items()} == given
    assert {"left", "right", "timestep"} <= set(taken)
    assert {"image", "confidence", "motion"} <= set(given)


@pytest.mark.parametrize(
    ("row", "options", "message"),
    [
        ("4.6", {"size": (96, 40)}, "size must be multiples of 32, not 96x40; pad .* to 96x64"),
        ("4.0", {"size": (96, 32), "doubled": True}, "size must be multiples of 64"),
        ("4.6", {"scale": 3.0}, "scale must be"),
        ("4.25", {"ensemble": True}, "ensemble is not supported"),
        ("4.6", {"doubled": True}, "doubled is for networks that rescale"),
        ("4.6", {"planes": 4}, "planes must be 3 unless pictures are separate"),
    ],
)
def test_options_that_a_row_does_not_have_are_refused(row, options, message):
    with pytest.raises(ArgumentError, match=message):
        build_flow(state_of(row), IFNETS[row], GraphOptions(**options))


def test_other_networks_weights_are_refused():
    with pytest.raises(ModelError, match="the weights do not fit the network"):
        build_flow(state_of("4.6"), IFNETS["4.25"], GraphOptions())


def test_a_row_without_an_encoder_has_no_encoder_graph():
    with pytest.raises(ArgumentError, match="no encoder"):
        build_encoder(state_of("4.6"), IFNETS["4.6"], GraphOptions())
