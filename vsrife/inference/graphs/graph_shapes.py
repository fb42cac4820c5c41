"""Shapes of the tensors of a graph, for those who rewrite it for a runtime."""

from __future__ import annotations

import math

from onnx import GraphProto, ModelProto, TensorProto, helper, shape_inference

_SMALL = 64  # elements of constants that shapes may depend on


def shapes_of(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes of fp32 tensors, 0 for sides that are open; those that cannot be told are missing."""
    graph = GraphProto(name="shapes", node=model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    light = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    found = shape_inference.infer_shapes(light, data_prop=True).graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*found.input, *found.value_info, *found.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
