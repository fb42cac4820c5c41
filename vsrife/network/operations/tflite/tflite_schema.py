"""The file of a TFLite graph, by the schema that ai-edge-litert carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from vsrife.network.operations.tflite.tflite_writer import Array, Node, Stored, Writer

_PACKAGE = "ai_edge_litert"


def _load_schema() -> Any:
    """The generated module alone: its package would look for runtimes, and load them."""
    package = find_spec(_PACKAGE)
    for folder in (package and package.submodule_search_locations) or ():
        spec = spec_from_file_location(
            f"{__name__}_generated", Path(folder) / "schema_py_generated.py"
        )
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)


schema = _load_schema()

_VERSION, _IDENTIFIER = 3, b"TFL3"  # of the schema
_ALIGNMENT = 16  # bytes, of all constants: runtimes read them in place
METADATA = "vsrife"  # name of the entry with facts about the file, as JSON
SIGNATURE = "serving_default"

# Table of options of each operator, where it has one that is used
_OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DIV": "DivOptions",
    "GATHER": "GatherOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "REDUCE_MAX": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "SOFTMAX": "SoftmaxOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
}
# Versions of operators, where 1 would lack what is used: pixel centres, a bias, fp16 and scales
# for each channel
_VERSIONS = {"RESIZE_BILINEAR": 3, "TRANSPOSE_CONV": 3, "DEQUANTIZE": 5}
_TYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int32": "INT32", "int8": "INT8"}


class _Buffer:
    """A constant whose bytes are aligned, which the generated `BufferT` does not do."""

    def __init__(self, data: Array) -> None:
        self.data = data

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # as the schema calls it
        builder.Prep(_ALIGNMENT, len(self.data))
        data = builder.CreateNumpyVector(self.data)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def file_of(w: Writer, facts: Mapping[str, str]) -> bytes:
    """The finished file. facts: texts about it, kept as JSON under `METADATA`."""
    return _File(w, facts).content()


class _File:
    def __init__(self, w: Writer, facts: Mapping[str, str]) -> None:
        self._w, self._facts = w, facts
        self._nodes = w.nodes()
        used = [number for node in self._nodes for number in (*node.inputs, *node.outputs)]
        used += [*w.inputs.values(), *w.outputs.values()]
        self._places = {number: place for place, number in enumerate(dict.fromkeys(used))}
        self._buffers: list[Any] = [schema.BufferT()]  # the first one is empty
        self._kinds = sorted({node.kind for node in self._nodes})

    def content(self) -> bytes:
        model = schema.ModelT()
        model.version = _VERSION
        model.description = f"vsrife {self._facts.get('model', '')}".strip()
        model.operatorCodes = [_code(kind) for kind in self._kinds]
        model.subgraphs = [self._graph()]
        model.signatureDefs = [self._signature()]
        model.metadata = [self._metadata()]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(sum(len(b.data) for b in self._buffers[1:]) + (1 << 18))
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _graph(self) -> Any:
        graph = schema.SubGraphT()
        graph.name = "main"
        graph.tensors = [self._tensor(self._w.tensors[number]) for number in self._places]
        graph.inputs = [self._places[number] for number in self._w.inputs.values()]
        graph.outputs = [self._places[number] for number in self._w.outputs.values()]
        graph.operators = [self._operator(node) for node in self._nodes]
        return graph

    def _tensor(self, stored: Stored) -> Any:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = stored.name, list(stored.shape)
        tensor.type = getattr(schema.TensorType, _TYPES[stored.dtype.name])
        tensor.buffer = 0
        if stored.value is not None:
            tensor.buffer = self._buffer(stored.value.reshape(-1).view(np.uint8))
        if stored.scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = stored.scales
            tensor.quantization.zeroPoint = np.zeros(len(stored.scales), np.int64)
            tensor.quantization.quantizedDimension = 0
        return tensor

    def _operator(self, node: Node) -> Any:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._kinds.index(node.kind)
        operator.inputs = [self._places[number] for number in node.inputs]
        operator.outputs = [self._places[number] for number in node.outputs]
        if node.kind in _OPTIONS:
            name = _OPTIONS[node.kind]
            options = getattr(schema, f"{name}T")()
            for field, value in node.options:
                assert hasattr(options, field), (node.kind, field)
                setattr(options, field, list(value) if isinstance(value, tuple) else value)
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = options
        return operator

    def _signature(self) -> Any:
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs = self._names(self._w.inputs)
        signature.outputs = self._names(self._w.outputs)
        return signature

    def _names(self, tensors: Mapping[str, int]) -> list[Any]:
        names = []
        for name, number in tensors.items():
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, self._places[number]
            names.append(entry)
        return names

    def _metadata(self) -> Any:
        entry = schema.MetadataT()
        text = json.dumps(dict(self._facts), ensure_ascii=False).encode()
        entry.name, entry.buffer = METADATA, self._buffer(np.frombuffer(text, np.uint8))
        return entry

    def _buffer(self, data: Array) -> int:
        self._buffers.append(_Buffer(data))
        return len(self._buffers) - 1


def _code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    # programs from before 2021 read this field; it ends at 127
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = _VERSIONS.get(kind, 1)
    return code
