"""Runs one operation as TFLite nodes, by ai-edge-litert on the CPU; see `targets`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.network.tflite_runtime import Tflite
from vsrife.network.operations.tflite.tflite_operations import TfliteOperations
from vsrife.network.operations.tflite.tflite_schema import file_of
from vsrife.network.operations.tflite.tflite_writer import Tensor, Writer

Array = NDArray[Any]


def by_tflite(case: Any, *, precision: str = "fp32") -> list[Array]:
    """case: a `targets.Case`; precision: of the weights."""
    w = Writer(precision)
    ops = TfliteOperations(w, case.size)
    feeds: dict[str, Array] = {}

    def given(array: Array) -> Tensor:
        name = f"x{len(feeds)}"
        feeds[name] = np.moveaxis(array, 1, -1)
        return w.input(name, feeds[name].shape)

    def put(arg: Any) -> Any:
        if type(arg).__name__ == "Both":
            return ops.stack(given(arg.left), given(arg.right))
        if type(arg).__name__ == "Weight":
            return arg.value
        return given(arg) if isinstance(arg, np.ndarray) else arg

    args = [[put(a) for a in arg] if type(arg) is list else put(arg) for arg in case.args]
    found = case.work(ops, *args)
    if case.gives == "weight":
        return [found]
    tensors = list(found) if case.gives in ("tensors", "pair") else [found]
    for i, tensor in enumerate(tensors):
        # what comes in cannot go out as it is
        w.output(f"y{i}", ops.add(tensor, 0.0))
    results = Tflite(file_of(w, {}))(feeds).values()
    return [np.moveaxis(y, -1, 1) if y.ndim == 4 else y for y in results]
