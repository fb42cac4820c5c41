"""Runs one operation, or several, on a target: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tests.network.operations.ncnn_target import by_ncnn
from tests.network.operations.reference import NumpyOperations
from tests.network.operations.tflite_target import by_tflite
from tests.network.runs import OnnxRuntime
from vsrife.network.operations.onnx.onnx_operations import OnnxOperations
from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.operations.torch.torch_operations import TorchOperations

Array = NDArray[Any]
Work = Callable[..., Any]  # takes operations and what `Case.args` becomes in a target


class Weight(NamedTuple):
    value: Array


class Both(NamedTuple):
    """A left and a right frame's tensor."""

    left: Array
    right: Array


@dataclass(frozen=True)
class Case:
    """args: arrays, pairs, weights and plain values; gives: "tensor", "tensors", "pair", "weight".

    size: width and height of the frames; scale: of the tolerance.
    """

    work: Work
    args: tuple[Any, ...]
    gives: str = "tensor"
    size: tuple[int, int] = (16, 8)
    scale: float = 1.0


def by_numpy(case: Case) -> list[Array]:
    ops = NumpyOperations(case.size)

    def put(arg: Any) -> Any:
        if isinstance(arg, Both):
            return ops.stack(arg.left.astype(np.float64), arg.right.astype(np.float64))
        arg = arg.value if isinstance(arg, Weight) else arg
        return arg.astype(np.float64) if isinstance(arg, np.ndarray) else arg

    found = case.work(ops, *_each(case.args, put))
    return list(found) if case.gives in ("tensors", "pair") else [found]


def by_torch(case: Case, *, half: bool = False) -> list[Array]:
    kind = torch.float16 if half else torch.float32
    ops = TorchOperations(case.size, compute=kind)

    def put(arg: Any) -> Any:
        if isinstance(arg, Both):
            return ops.stack(torch.from_numpy(arg.left), torch.from_numpy(arg.right))
        if isinstance(arg, Weight):
            return torch.from_numpy(arg.value).to(kind)
        return torch.from_numpy(arg) if isinstance(arg, np.ndarray) else arg

    found = case.work(ops, *_each(case.args, put))
    if case.gives == "pair":
        found = ops.unstack(found)
    several = case.gives in ("tensors", "pair")
    return [tensor.numpy() for tensor in (found if several else [found])]


def by_onnx(case: Case, *, fixed: bool = True, half: bool = False) -> list[Array]:
    """fixed: the graph takes frames of this size alone."""
    w = Writer(half=half)
    feeds = {"frames": np.zeros((1, 1, *case.size[::-1]), np.float32)}
    like = w.input("frames", [1, 1, "height", "width"])
    ops = OnnxOperations(w, case.size if fixed else None, like)

    def given(array: Array) -> str:
        name = f"x{len(feeds)}"
        feeds[name] = array
        return w.input(name, list(array.shape))

    def put(arg: Any) -> Any:
        if isinstance(arg, Both):
            return ops.stack(given(arg.left), given(arg.right))
        if isinstance(arg, Weight):
            return arg.value
        return given(arg) if isinstance(arg, np.ndarray) else arg

    found = case.work(ops, *_each(case.args, put))
    if case.gives == "weight":
        return [found]
    if case.gives == "pair":
        found = ops.unstack(found)
    names = list(found) if case.gives in ("tensors", "pair") else [found]
    # what comes in cannot go out as it is
    outputs = [w.op("Identity", name, name=f"out{i}") for i, name in enumerate(names)]
    for i, name in enumerate(outputs):
        w.output(f"y{i}", name, [])
    model = w.model({})
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")  # read off the nodes
    return list(OnnxRuntime(model.SerializeToString())(feeds).values())


def _each(args: tuple[Any, ...], put: Callable[[Any], Any]) -> list[Any]:
    """What `put` makes of each, and of those in lists."""
    return [[put(a) for a in arg] if type(arg) is list else put(arg) for arg in args]


RUNNERS: dict[str, Callable[[Case], list[Array]]] = {
    "TorchOperations": by_torch,
    "NcnnOperations": by_ncnn,
    "NcnnOperations with GridSample": lambda case: by_ncnn(case, gridsample=True),
    "OnnxOperations": by_onnx,
    "OnnxOperations of any size": lambda case: by_onnx(case, fixed=False),
    "TfliteOperations": by_tflite,
}
