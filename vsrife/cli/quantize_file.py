"""The graphs that `vsrife quantize` makes, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from onnx import ModelProto

from vsrife import __version__, int8, store
from vsrife.backends import arrays
from vsrife.cli.rounds import Frame
from vsrife.errors import ArgumentError
from vsrife.graph import GraphOptions, build_encoder, build_flow
from vsrife.graph.options import unit_of
from vsrife.net.table import VERSIONS, arch_of, check_options
from vsrife.net.weights import normalise, recognise

ENCODER_SUFFIX = ".encode.onnx"  # see `vsrife.backends.files`
_HALF = np.full((1, 1, 1, 1), 0.5, np.float32)


class Export:
    """A model as graphs in the layout that vsrife's own files have."""

    def __init__(self, model: str, scale: float, size: tuple[int, int] | None) -> None:
        """size: width and height of frames, None for any."""
        name = store.model_name(model)
        self._state = normalise(store.read_arrays(store.find_weights(model)))
        row = name or recognise(self._state)
        check_options(row, scale, False)
        self._arch = arch_of(row)
        if self._arch.rescales:
            raise ArgumentError(
                f"model {row!r} runs a second network where much moves, which a file cannot; "
                "choose another model"
            )
        unit = unit_of(self._arch, GraphOptions(scale=scale))
        self._asked = size
        self._size = (
            None if size is None else (size[0] + -size[0] % unit, size[1] + -size[1] % unit)
        )
        self._unit = unit
        self._options = GraphOptions(scale=scale, size=self._size)
        self._said = {
            "model": row,
            "arch": VERSIONS.get(row, row),
            "scale": str(float(scale)),
            "ensemble": "False",
            "modulo": str(unit),
            "layout": "own",
            "generator": f"vsrife {__version__}",
        }
        self.single = build_flow(
            self._state, self._arch, self._options, self._said | {"precision": "fp32"}
        )
        self.quantized: ModelProto | None = None
        self._encoder = (
            build_encoder(self._state, self._arch, self._options, self._said)
            if self._arch.encoder
            else None
        )

    def check_size(self, width: int, height: int) -> None:
        """ArgumentError for frames that a graph of one size does not take."""
        if self._asked is not None and self._asked != (width, height):
            raise ArgumentError(
                f"clips must have the size that is asked for, {self._asked[0]}x{self._asked[1]}, "
                f"not {width}x{height}"
            )

    def quantize(self, pairs: Iterable[tuple[Frame, Frame]]) -> None:
        """Calibrate on these pairs of frames."""
        self.quantized = int8.quantize(self.single, self._feeds(pairs))
        said = {entry.key: entry for entry in self.quantized.metadata_props}
        said["precision"].value = "int8"

    def write(self, path: Path, *, single: bool = False) -> None:
        """The flow graph, and beside it the encoder's, if there is one. single: in fp32."""
        graph = self.single if single or self.quantized is None else self.quantized
        store.write_whole(path, lambda part: part.write_bytes(graph.SerializeToString()))
        if self._encoder is not None:
            content = self._encoder.SerializeToString()
            beside = path.with_name(path.stem + ENCODER_SUFFIX)
            store.write_whole(beside, lambda part: part.write_bytes(content))

    def _feeds(self, pairs: Iterable[tuple[Frame, Frame]]) -> Iterator[dict[str, Any]]:
        encode = None
        if self._encoder is not None:
            encode = onnxruntime.InferenceSession(
                self._encoder.SerializeToString(),
                providers=["CPUExecutionProvider"],
                enable_fallback=0,
            )
        for pair in pairs:
            height, width = pair[0][0].shape
            unit = self._unit
            size = self._size or (width + -width % unit, height + -height % unit)
            left, right = (arrays.padded(frame, size) for frame in pair)
            if encode is not None:
                left, right = (encode.run(None, {"image": image})[0] for image in (left, right))
            yield {"left": left, "right": right, "timestep": _HALF}
