"""Graphs in bf16. Needs numpy and onnx.

Networks say themselves which parts may be narrow: those that are fp16 in a graph of half precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper

_SHIFT = 16  # bits of fp32 that bf16 lacks


def narrowed(graph: bytes) -> bytes:
    """A graph whose fp16 parts are bf16 instead, weights rounded to nearest."""
    model = ModelProto.FromString(graph)
    for node in model.graph.node:
        for said in node.attribute:
            if node.op_type == "Cast" and said.name == "to" and said.i == TensorProto.FLOAT16:
                said.i = TensorProto.BFLOAT16
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            bits = rounded(numpy_helper.to_array(tensor).astype(np.float32))
            tensor.ClearField("int32_data")
            tensor.data_type, tensor.raw_data = TensorProto.BFLOAT16, bits.tobytes()
    return bytes(model.SerializeToString())


def rounded(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bits of the nearest bf16, ties to even; values are finite."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    even = (bits >> _SHIFT) & 1
    return ((bits + 0x7FFF + even) >> _SHIFT).astype("<u2")
