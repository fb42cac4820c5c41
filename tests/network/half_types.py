"""Types of all tensors of a graph, and whether they go together."""

from __future__ import annotations

import onnx
from onnx import TensorProto, defs, shape_inference

HALF, FULL = TensorProto.FLOAT16, TensorProto.FLOAT
WORDS = {
    FULL: "tensor(float)", HALF: "tensor(float16)", TensorProto.INT64: "tensor(int64)",
    TensorProto.BOOL: "tensor(bool)",
}  # fmt: skip  # a table
# Convolutions, and what lies between two of them: it moves numbers about or adds two of a size
IN_HALF = {
    "Conv", "ConvTranspose", "LeakyRelu", "PRelu", "Add", "Mul", "DepthToSpace", "Concat", "Split",
    "Reshape", "Cast",
}  # fmt: skip  # a list of words


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """Type of every tensor by its name."""
    graph = shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    found = {value.name: value.type.tensor_type.elem_type for value in values}
    return found | {tensor.name: tensor.data_type for tensor in graph.initializer}


def check_node(node: onnx.NodeProto, types: dict[str, int]) -> None:
    """All tensors of a node have types that its definition allows together."""
    schema = defs.get_schema(node.op_type, 17)
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    same: dict[str, set[int]] = {}
    for names, formals in ((node.input, schema.inputs), (node.output, schema.outputs)):
        for i, name in enumerate(names):
            if name:  # "": an optional input that is left out
                kind = formals[min(i, len(formals) - 1)].type_str
                same.setdefault(kind, set()).add(types[name])
    for kind, found in same.items():
        assert len(found) == 1, f"{node.name}: {kind} is {found}"
        assert WORDS[found.pop()] in allowed.get(kind, [kind]), node.name
