"""The files of an export to ONNX. Needs the onnx package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from onnx import ModelProto, numpy_helper

from vsrife.network.files import carried_weights
from vsrife.network.files.foreign_layouts import build_layout
from vsrife.network.files.targets import PARTS, FileOptions
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.operations.onnx.onnx_writer import Array
from vsrife.network.options import GraphOptions
from vsrife.network.own.triple import reads_three
from vsrife.network.sizes import padded_size
from vsrife.network.table import Row


def build(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> dict[str, bytes]:
    """See `targets`. The weights can be taken out of the main file; see `carried_weights`."""
    written = models(state, arch, options, facts)
    main = written[""]
    main.metadata_props.add(
        key=carried_weights.KEY, value=carried_weights.pack(state, _layers(main))
    )
    return {f"{part}.onnx": model.SerializeToString() for part, model in written.items()}


def models(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> dict[str, ModelProto]:
    """The graphs by what goes between the name of the file and `.onnx`; arguments as of `build`.

    Layout "own": "" for a pair, `.encode` for a single frame where the network has an encoder,
    `.doubled` where it rescales; else one.
    """
    graph = GraphOptions(
        options.scale, options.ensemble, half=options.precision == "fp16", size=options.size
    )
    if options.layout != "own":
        layout = options.layout
        return {"": build_layout(state, arch, graph, layout, {**facts, "part": "whole"})}
    encodes = arch.encoder and not reads_three(arch)
    if encodes or arch.rescales:  # files that could be mixed up with those of other weights
        facts = {**facts, carried_weights.DIGEST: carried_weights.digest_of(state)}
    found = {"": build_flow(state, arch, graph, {**facts, "part": "flow"})}
    if encodes:
        found[PARTS["encoder"]] = build_encoder(state, arch, graph, {**facts, "part": "encoder"})
    if arch.rescales:
        unit = 2 * arch.pad_unit(options.scale)
        size = options.size and padded_size(options.size, unit)
        facts = {**facts, "part": "doubled", "modulo": str(unit)}
        found[PARTS["doubled"]] = build_flow(
            state, arch, replace(graph, doubled=True, size=size), facts
        )
    return found


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
