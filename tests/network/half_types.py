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


CONVOLUTIONS = {"Conv", "ConvTranspose"}


def check_half(model: onnx.ModelProto) -> None:
    """Types go together, inputs and outputs are fp32, and only convolutions and what lies between
    two of them are in fp16: neither flow nor coordinates, neither warps nor resizes."""
    types = types_of(model)
    in_half, rounded = set(), set[str]()  # tensors that were only cast to fp16, and moved about
    for node in model.graph.node:
        check_node(node, types)
        if HALF not in {types[name] for name in (*node.input, *node.output) if name}:
            continue
        in_half.add(node.op_type)
        enters = node.op_type == "Cast" and types[node.output[0]] == HALF
        if enters or (node.op_type not in CONVOLUTIONS and rounded.intersection(node.input)):
            rounded.update(node.output)
    assert {types[value.name] for value in (*model.graph.input, *model.graph.output)} == {FULL}
    assert {"Conv", "Cast"} <= in_half <= IN_HALF
    assert {name for name in rounded if types[name] == FULL} == set()


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
