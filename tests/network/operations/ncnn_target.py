"""Runs one operation as ncnn layers; see `targets`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.network.ncnn_runtime import Ncnn
from vsrife.network.operations.ncnn.ncnn_channels import Taken
from vsrife.network.operations.ncnn.ncnn_operations import NcnnOperations
from vsrife.network.operations.ncnn.ncnn_writer import Blob, Writer

Array = NDArray[Any]


def by_ncnn(case: Any, *, gridsample: bool = False) -> list[Array]:
    """case: a `targets.Case`; gridsample: warp by ncnn's own layer."""
    w = Writer()
    feeds: dict[str, Array] = {}

    def given(array: Array) -> Blob:
        name = f"x{len(feeds)}"
        feeds[name] = array[0]
        return w.input(name, array.shape[1])

    ops = NcnnOperations(w, case.size, gridsample=gridsample)

    def put(arg: Any) -> Any:
        if type(arg).__name__ == "Both":
            return ops.stack(given(arg.left), given(arg.right))
        if type(arg).__name__ == "Weight":
            return arg.value
        return given(arg) if isinstance(arg, np.ndarray) else arg

    args = [[put(a) for a in arg] if type(arg) is list else put(arg) for arg in case.args]
    found = case.work(ops, *args)
    if case.gives == "weight":
        return [found.value if isinstance(found, Taken) else found]
    blobs = list(found) if case.gives in ("tensors", "pair") else [found]
    results = []
    for blob in blobs:
        # what comes in cannot go out as it is
        out = w.op("Noop", blob, channels=blob.channels, name="out")
        results.append(Ncnn(*w.files(out))(feeds, out.name)[0])
    # a single number for each frame, or a tensor of it
    return [result if result.shape == (1,) else result[None] for result in results]
