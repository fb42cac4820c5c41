"""The files of an export to ONNX. Needs the onnx package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from onnx import ModelProto, numpy_helper

from vsrife.network import carried_weights
from vsrife.network.foreign_layouts import build_layout
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.operations.onnx_writer import Array
from vsrife.network.options import GraphOptions
from vsrife.network.sizes import padded_size
from vsrife.network.table import Row
from vsrife.network.targets import FileOptions


def build(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> dict[str, bytes]:
    """See `targets`. Layout "own": the graph for a pair, `.encode.onnx` for a single frame where
    the network has an encoder, `.doubled.onnx` where it rescales; else one file."""
    graph = GraphOptions(
        options.scale, options.ensemble, half=options.precision == "fp16", size=options.size
    )
    models = _models(state, arch, graph, options.layout, facts)
    main = models[""]
    main.metadata_props.add(
        key=carried_weights.KEY, value=carried_weights.pack(state, _layers(main))
    )
    return {f"{part}.onnx": model.SerializeToString() for part, model in models.items()}


def _models(
    state: Mapping[str, Array],
    arch: Row,
    options: GraphOptions,
    layout: str,
    facts: Mapping[str, str],
) -> dict[str, ModelProto]:
    """What goes between the name of the file and `.onnx`, and what goes in."""
    if layout != "own":
        return {"": build_layout(state, arch, options, layout, {**facts, "part": "whole"})}
    models = {"": build_flow(state, arch, options, {**facts, "part": "flow"})}
    if arch.encoder:
        models[".encode"] = build_encoder(state, arch, options, {**facts, "part": "encoder"})
    if arch.rescales:
        unit = 2 * arch.pad_unit(options.scale)
        size = options.size and padded_size(options.size, unit)
        facts = {**facts, "part": "doubled", "modulo": str(unit)}
        doubled = replace(options, doubled=True, size=size)
        models[".doubled"] = build_flow(state, arch, doubled, facts)
    return models


def _layers(model: ModelProto) -> dict[str, Array]:
    """`carried_weights.Layers` of a graph; vsrife.weights.readers.onnx reads the same."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return {
        f"{node.name}.{kind}": numpy_helper.to_array(constants[name])
        for node in model.graph.node
        if node.op_type in ("Conv", "ConvTranspose")
        for name, kind in zip(node.input[1:], ("weight", "bias"), strict=False)
        if name in constants
    }
