"""Collects the nodes of one TFLite graph. Needs numpy alone; `tflite_schema` makes the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.network.operations.scopes import Scoped

Array = NDArray[Any]
PRECISIONS = ("fp32", "fp16", "int8")  # of the weights; all arithmetic is fp32

_INT8 = 127  # largest weight; -128 is not used, so that scales have no offset


@dataclass(frozen=True)
class Tensor:
    """number: its place in the graph's list of tensors; shape: (N, H, W, C), or any other."""

    number: int
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width."""
        return self.shape[1], self.shape[2]


@dataclass(frozen=True)
class Stored:
    """What the file says about a tensor.

    value: of a constant; scales: of a constant in int8, one for each step along its first axis.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    value: Array | None = None
    scales: Array | None = None


@dataclass(frozen=True)
class Node:
    """kind: name of a builtin operator; options: fields of its table in the schema."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[tuple[str, Any], ...]


class Writer(Scoped):
    """Methods that add a node, an input or a constant return its tensor.

    Equal nodes and constants are written once. precision: of the weights, one of PRECISIONS.
    """

    def __init__(self, precision: str = "fp32") -> None:
        self.precision = precision
        self.tensors: list[Stored] = []
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self._nodes: list[Node] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes, bool], Tensor] = {}
        self._done: dict[object, Tensor] = {}

    def input(self, name: str, shape: Sequence[int]) -> Tensor:
        """Add an fp32 input."""
        tensor = self._tensor(Stored(name, tuple(shape), np.dtype(np.float32)))
        self.inputs[name] = tensor.number
        return tensor

    def output(self, name: str, tensor: Tensor) -> None:
        """Make `tensor`, a result of a node, the output `name`."""
        self.tensors[tensor.number] = replace(self.tensors[tensor.number], name=name)
        self.outputs[name] = tensor.number

    def constant(self, value: Array | Sequence[Any] | float, dtype: Any = np.float32) -> Tensor:
        return self._constant(np.asarray(value, dtype))

    def integers(self, values: Sequence[int] | Array) -> Tensor:
        return self.constant(values, np.int32)

    def weight(self, value: Array) -> Tensor:
        """A constant in the precision of the weights, as fp32; its first axis are the outputs."""
        value = np.asarray(value, np.float32)
        if self.precision == "fp32":
            return self._constant(value)
        if self.precision == "fp16":
            stored = self._constant(value.astype(np.float16))
        else:
            highest = np.abs(value).max(tuple(range(1, value.ndim)))
            scales = np.where(highest > 0, highest / _INT8, 1).astype(np.float32)
            steps = np.rint(value / scales.reshape(-1, *[1] * (value.ndim - 1)))
            stored = self._constant(steps.astype(np.int8), scales)
        return self.op("DEQUANTIZE", stored, shape=value.shape)

    def op(
        self,
        kind: str,
        *inputs: Tensor,
        shape: Sequence[int],
        dtype: Any = np.float32,
        name: str = "",
        **options: Any,
    ) -> Tensor:
        """Add a node with one output of that shape and type. name: within the scope."""
        numbers = tuple(tensor.number for tensor in inputs)
        extra = tuple(sorted(options.items()))
        work = (kind, numbers, tuple(shape), extra)
        if work not in self._done:
            full = f"{self._scope}{name or kind.lower()}"
            output = self._tensor(Stored(full, tuple(map(int, shape)), np.dtype(dtype)))
            self._nodes.append(Node(kind, numbers, (output.number,), extra))
            self._done[work] = output
        return self._done[work]

    def nodes(self) -> list[Node]:
        """Those that the outputs need, in order."""
        needed = set(self.outputs.values())
        kept = []
        for node in reversed(self._nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        return kept[::-1]

    def _constant(self, value: Array, scales: Array | None = None) -> Tensor:
        array = np.ascontiguousarray(value).reshape(value.shape)
        content = hashlib.blake2b(array.data)
        content.update(b"" if scales is None else scales.tobytes())
        key = (array.dtype.str, array.shape, content.digest(), scales is None)
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = self._tensor(
                Stored(name, array.shape, array.dtype, array, scales)
            )
        return self._constants[key]

    def _tensor(self, stored: Stored) -> Tensor:
        assert all(side > 0 for side in stored.shape), stored
        self.tensors.append(stored)
        return Tensor(len(self.tensors) - 1, stored.shape)


def reshaped(w: Writer, x: Tensor, shape: Sequence[int], dtype: Any = np.float32) -> Tensor:
    """The same numbers in the same order; dtype: of x."""
    assert prod(shape) == prod(x.shape)
    if tuple(shape) == x.shape:
        return x
    sides = w.integers(shape)
    return w.op("RESHAPE", x, sides, shape=shape, dtype=dtype, newShape=tuple(shape))


def sliced(w: Writer, x: Tensor, axis: int, start: int, stop: int, step: int = 1) -> Tensor:
    """Every step-th from start to stop - 1 along an axis."""
    if (start, stop, step) == (0, x.shape[axis], 1):
        return x
    begin, end, steps = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
    begin[axis], end[axis], steps[axis] = start, stop, step
    shape = [*x.shape[:axis], -(-(stop - start) // step), *x.shape[axis + 1 :]]
    bounds = [w.integers(each) for each in (begin, end, steps)]
    return w.op("STRIDED_SLICE", x, *bounds, shape=shape)


def padded(w: Writer, x: Tensor, above: int, left: int, below: int, right: int) -> Tensor:
    """Zeros around the rows and columns."""
    if not any((above, left, below, right)):
        return x
    n, height, width, channels = x.shape
    amounts = np.array([[0, 0], [above, below], [left, right], [0, 0]])
    shape = (n, height + above + below, width + left + right, channels)
    return w.op("PAD", x, w.integers(amounts), shape=shape)
