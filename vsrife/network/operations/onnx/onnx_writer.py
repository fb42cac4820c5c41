"""Collects the nodes of one ONNX graph. Tensors are referred to by name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from vsrife.network.operations.scopes import Scoped

OPSET = 17  # GridSample needs 16; TensorRT gives wrong results with that of 20
IR = 8  # IR version of opset 17
END = np.iinfo(np.int64).max  # end of a Slice: up to the last element

Array = NDArray[Any]
Dim = int | str


class Writer(Scoped):
    """Methods that add a node, an input or a constant return the name of its tensor.

    Equal nodes and constants are written once. half: weights in fp16.
    """

    def __init__(self, *, half: bool = False) -> None:
        self.weight_type = np.float16 if half else np.float32
        self.half = half
        self._nodes: list[NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], TensorProto] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._done: dict[tuple[str, tuple[str, ...], int, str], list[str]] = {}
        self._given: dict[str, str] = {}  # tensor -> name of the output
        self._counts: Counter[str] = Counter()

    def input(self, name: str, shape: Sequence[Dim]) -> str:
        """Add an fp32 input. shape: a text is a size known at run time."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, name: str, tensor: str, shape: Sequence[Dim]) -> None:
        """Make `tensor`, a result of a node, the output `name`."""
        self._given[tensor] = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def constant(self, value: Array | Sequence[Any] | float, dtype: Any = np.float32) -> str:
        """Add a constant of type `dtype`."""
        array = np.ascontiguousarray(value, dtype).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, hashlib.blake2b(array.data).digest())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def integers(self, values: Sequence[int]) -> str:
        """Add an int64 constant."""
        return self.constant(values, np.int64)

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node with one output. name: within the scope; "": derived from `kind`."""
        return self.ops(kind, *inputs, outputs=1, name=name, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outputs: int, name: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; see `op`."""
        work = (kind, inputs, outputs, repr(sorted(attributes.items())))
        if work in self._done:
            return self._done[work]
        full = self._scope + (name or kind.lower())
        self._counts[full] += 1
        if self._counts[full] > 1:
            full += f"_{self._counts[full]}"
        results = [full] if outputs == 1 else [f"{full}.{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), results, name=full, **attributes))
        self._done[work] = results
        return results

    def model(self, metadata: Mapping[str, str]) -> ModelProto:
        """The finished model. metadata: texts stored in it."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [self._given.get(name, name) for name in names]
        nodes, read = self._used()
        constants = [tensor for tensor in self._constants.values() if tensor.name in read]
        graph = helper.make_graph(nodes, "vsrife", self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="vsrife",
        )
        helper.set_model_props(model, dict(metadata))
        return model

    def _used(self) -> tuple[list[NodeProto], set[str]]:
        """The nodes that an output needs, and all that they read: ONNX Runtime runs others, too."""
        read = {output.name for output in self._outputs}
        kept: list[NodeProto] = []
        for node in reversed(self._nodes):
            if read.intersection(node.output):
                kept.append(node)
                read.update(node.input)
        return kept[::-1], read
