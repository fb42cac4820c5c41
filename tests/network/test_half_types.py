"""Types of every tensor in fp16 graphs.

TensorRT 11 has no FP16 flag: it takes a graph's types as they are, so a graph must say for every
tensor which it is, cast wherever two meet, and keep in fp32 what needs it: flow and coordinates
step by 2 pixels beyond 2048 in fp16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import onnx
import pytest

from tests.network.half_types import FULL, HALF, check_half, check_node, types_of
from tests.network.runs import ON_OPENVINO, OnnxRuntime
from tests.support.states import random_state
from vsrife.network.files.foreign_layouts import LAYOUTS, build_layout
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS, Arch


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The networks with an eighth of their widths: the same nodes and types, much less work."""
    for row, arch in ARCHS.items():
        if isinstance(arch, Arch):
            widths = tuple(width // 8 for width in arch.widths)
            monkeypatch.setitem(ARCHS, row, replace(arch, widths=widths))


def graphs(row: str) -> Iterator[onnx.ModelProto]:
    state, arch = random_state(row), ARCHS[row]
    # around the same network, or scaled, so for rows of all kinds and not for all
    for scale in (1, 0.5) if row in ON_OPENVINO else (1,):
        unit = arch.pad_unit(scale)
        size = (max(unit, 64), max(unit, 32))
        known = GraphOptions(scale, arch.ensemble, half=True, size=size, motion=True)
        yield build_flow(state, arch, known)
    for layout in LAYOUTS if row in ON_OPENVINO else ():
        yield build_layout(state, arch, GraphOptions(half=True), layout)
    if isinstance(arch, Arch) and arch.encoder:
        yield build_encoder(state, arch, GraphOptions(half=True))
    if arch.rescales:
        yield build_flow(state, arch, GraphOptions(half=True, doubled=True))


@pytest.mark.parametrize("row", ARCHS)
def test_types_go_together_and_only_what_lies_between_convolutions_is_in_fp16(row):
    for model in graphs(row):
        check_half(model)
        large = [t for t in model.graph.initializer if len(t.dims) == 4 and np.prod(t.dims) > 1000]
        assert {t.data_type for t in large} <= {HALF}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("row", ["4.0", "4.6", "4.14.lite", "4.25"])
def test_onnx_runtime_runs_them_as_they_are(row, layout):
    state, arch = random_state(row), ARCHS[row]
    unit = arch.pad_unit(1.0)
    planes = np.random.default_rng(0).random((1, LAYOUTS[layout], unit, unit), np.float32)
    if layout == "v1":
        line = np.linspace(-1, 1, unit, dtype=np.float32)
        planes[:, 7], planes[:, 8], planes[:, 9:] = line, line[:, None], 2 / (unit - 1)
    whole, half = (
        OnnxRuntime(build_layout(state, arch, GraphOptions(half=h), layout).SerializeToString())(
            {"input": planes}
        )["output"]
        for h in (False, True)
    )
    assert half.dtype == np.float32
    assert 0 < ((whole - half) ** 2).mean() < 1e-4


def test_a_missing_cast_is_found():
    model = build_flow(random_state("4.6"), ARCHS["4.6"], GraphOptions(half=True))
    types = types_of(model)
    cast = next(node for node in model.graph.node if node.op_type == "Cast")
    reader = next(node for node in model.graph.node if cast.output[0] in node.input)
    check_node(reader, types)
    types[cast.output[0]] = FULL
    with pytest.raises(AssertionError, match=reader.name):
        check_node(reader, types)
