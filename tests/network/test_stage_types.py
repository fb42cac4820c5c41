"""Types in fp16 graphs of a pyramid's stages and of rows that are still to be trained, as
test_half_types has them of whole networks; and the sizes of files."""

from dataclasses import replace

import numpy as np
import pytest

from tests.network.half_types import check_half
from tests.support import needs
from vsrife.network.files.foreign_layouts import LAYOUTS, build_layout
from vsrife.network.files.targets import FileOptions, builder
from vsrife.network.graphs import build_flow, build_refine
from vsrife.network.options import GraphOptions
from vsrife.network.own.pyramid_graphs import build_match, build_prepare
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.table import PYRAMIDS, UNTRAINED, arch_of, state_shapes

OPTIONS = GraphOptions(half=True, size=(128, 64), motion=True)


def state_of(row):
    draw = np.random.default_rng(3)
    shapes = state_shapes(arch_of(row))
    return {key: draw.uniform(-0.1, 0.1, shape).astype(np.float32) for key, shape in shapes.items()}


def graphs(row):
    state, arch = state_of(row), arch_of(row)
    yield build_flow(state, arch, OPTIONS)
    yield build_flow(state, arch, replace(OPTIONS, scale=0.5))
    yield from (build_layout(state, arch, GraphOptions(half=True), layout) for layout in LAYOUTS)
    if isinstance(arch, PyramidRow):
        for build in (build_prepare, build_match, build_refine):
            yield build(state, arch, OPTIONS)


@pytest.mark.parametrize("row", [*PYRAMIDS, *UNTRAINED])
def test_types_go_together_and_only_what_lies_between_convolutions_is_in_fp16(row):
    for model in graphs(row):
        check_half(model)


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("row", ["nano", "4.25", "4.6"])
def test_nothing_is_computed_that_nothing_reads(row, separate):
    options = GraphOptions(size=(128, 64), separate=separate, planes=4 if separate else 3)
    state, arch = state_of(row), arch_of(row)
    models = [build_flow(state, arch, options)]
    if isinstance(arch, PyramidRow):
        models += [build(state, arch, options) for build in (build_prepare, build_refine)]
    for model in models:
        graph = model.graph
        read = {name for node in graph.node for name in node.input}
        read |= {output.name for output in graph.output}
        assert all(read.intersection(node.output) for node in graph.node)
        assert {tensor.name for tensor in graph.initializer} <= read


# Target, precision, bytes of a number, and of all nodes with their names: text takes more
SIZES = [
    ("onnx", "fp32", 4, 200_000),
    ("onnx", "fp16", 2, 200_000),
    ("openvino", "fp32", 4, 500_000),
    ("openvino", "fp16", 2, 500_000),
    ("ncnn", "fp32", 4, 50_000),
    ("ncnn", "fp16", 2, 50_000),
]


@pytest.mark.parametrize(("target", "precision", "size", "nodes"), SIZES)
def test_the_weights_make_the_size_of_the_files(target, precision, size, nodes):
    needs.package("onnx" if target == "ncnn" else target)
    state = state_of("mobile3")
    numbers = sum(value.size for value in state.values())
    if target == "ncnn":  # a layer runs once, and both frames are encoded
        numbers += sum(value.size for key, value in state.items() if key.startswith("encode."))
    options = FileOptions(precision=precision)
    files = builder(target)(state, arch_of("mobile3"), options, {"model": "mobile3"})
    # carried weights say by how much each tensor is off what can be guessed of it: a twentieth,
    # a third in fp16, see docs/guide/onnx.md
    carried = {"fp32": 0.05, "fp16": 0.33}[precision] * size * numbers if target == "onnx" else 0
    found = sum(map(len, files.values()))
    assert 0.98 * size * numbers < found < size * numbers + carried + nodes
