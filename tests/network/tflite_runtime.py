"""Runs TFLite files by ai-edge-litert on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from vsrife.network.operations.tflite.tflite_schema import SIGNATURE

Array = NDArray[np.float32]


class Tflite:
    """One file; call it with arrays by the names of inputs, and get the outputs by name.

    plain: without XNNPACK, which apps have by default on the CPU.
    """

    def __init__(self, content: bytes, *, plain: bool = False) -> None:
        kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else OpResolverType.AUTO
        self.interpreter = Interpreter(
            model_content=content, num_threads=1, experimental_op_resolver_type=kind
        )
        self._run = self.interpreter.get_signature_runner(SIGNATURE)

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
        return dict(self._run(**feeds))
