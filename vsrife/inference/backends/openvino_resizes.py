"""Enlargements as OpenVINO's CPU is fastest at: convolutions in place of Interpolate.

Interpolate works on 16 channels at once, so that one channel takes as long as 16. Linear
enlargement by a whole factor makes factor x factor numbers of each pixel, each a mean of 3x3 pixels
with known weights, which is a convolution; DepthToSpace puts them where they belong. Beyond its
edge a picture is repeated. Results are the same to rounding.

640x384 out of a quarter of the size, one thread, AVX-512: 3.2 and 0.6 ms for one channel, 4.0 and
2.1 for four, 4.3 and 2.9 for five; 13 channels are faster with Interpolate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from vsrife.inference.graphs.graph_shapes import shapes_of

WAY = "resizes 1"  # part of the names of what is kept; another one where this file writes otherwise
MOST = 4  # channels
_LARGEST = 16  # factor: its kernels have 256 numbers for each channel
_OPSETS = range(13, 22)  # with these forms of Resize, Pad and DepthToSpace
# What Resize is taken for where nothing else is said, and all that is rewritten
_LINEAR = {"mode": b"linear", "coordinate_transformation_mode": b"half_pixel"}
_USUAL = {"mode": b"nearest", "coordinate_transformation_mode": b"half_pixel"}
_HARMLESS = {"cubic_coeff_a", "extrapolation_value", "nearest_mode"}  # of other modes


def rewritten(graph: bytes) -> bytes:
    """The same graph with such enlargements as convolutions; `graph` itself where it has none."""
    if b"Resize" not in graph:
        return graph
    model = ModelProto.FromString(graph)
    if not any(e.domain == "" and e.version in _OPSETS for e in model.opset_import):
        return graph
    shapes = shapes_of(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        factor = 0
        if node.op_type == "Resize" and not node.domain and len(node.input) == 3:
            scales = constants.get(node.input[2])
            if scales is not None:
                factor = _factor(node, numpy_helper.to_array(scales))
        shape = shapes.get(node.input[0], ()) if factor else ()
        if len(shape) == 4 and shape[0] == 1 and 1 <= shape[1] <= MOST:
            nodes += _convolution(model, node, shape[1], factor)
        else:
            nodes.append(node)
    if len(nodes) == len(model.graph.node):
        return graph
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def weights(factor: int) -> NDArray[np.float32]:
    """(factor * factor, 3, 3): what each new pixel, row by row, takes of the pixels around."""
    line = np.zeros((factor, 3), np.float32)
    for i in range(factor):
        place = (i + 0.5) / factor - 0.5  # from the old pixel's centre
        before = 0 if place < 0 else 1
        line[i, before + 1] = place + 1 - before
        line[i, before] = 1 - line[i, before + 1]
    kernels: NDArray[np.float32] = line[:, None, :, None] * line[None, :, None, :]
    return kernels.reshape(-1, 3, 3)


def _factor(node: NodeProto, scales: NDArray[np.float32]) -> int:
    """By which a node enlarges height and width as above; 0 for any other node."""
    said = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.input[1] or scales.shape != (4,) or scales[0] != 1 or scales[1] != 1:
        return 0
    factor = int(scales[2])
    if not (scales[2] == scales[3] == factor and 2 <= factor <= _LARGEST):
        return 0
    kept: Mapping[str, object] = {k: v for k, v in said.items() if k not in _HARMLESS}
    return factor if {**_USUAL, **kept} == _LINEAR else 0


def _convolution(model: ModelProto, node: NodeProto, channels: int, factor: int) -> list[NodeProto]:
    """Nodes with the same result. Each channel is a group of its own."""
    name = node.output[0]
    kernel = np.tile(weights(factor)[:, None], (channels, 1, 1, 1))
    edges = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    for suffix, array in (("weights", kernel), ("edges", edges)):
        model.graph.initializer.append(numpy_helper.from_array(array, f"{name}.{suffix}"))
    make = helper.make_node
    return [
        make("Pad", [node.input[0], f"{name}.edges"], [f"{name}.wide"], mode="edge"),
        make(
            "Conv",
            [f"{name}.wide", f"{name}.weights"],
            [f"{name}.apart"],
            kernel_shape=[3, 3],
            group=channels,
        ),
        make("DepthToSpace", [f"{name}.apart"], [name], blocksize=factor, mode="CRD"),
    ]
