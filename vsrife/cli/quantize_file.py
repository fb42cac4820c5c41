"""The graphs that `vsrife quantize` makes, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import onnx

from vsrife import quantize
from vsrife.errors import ArgumentError
from vsrife.evaluation.speed import Frame
from vsrife.export import export_model
from vsrife.inference import arrays, quiet
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import arch_of, check_options
from vsrife.weights import find_weights, is_graph, model_name, read_arrays, write_whole

onnxruntime = quiet.load("onnxruntime")

_HALF = np.full((1, 1, 1, 1), 0.5, np.float32)


class Export:
    """A model as graphs in the layout that vsrife's own files have: in fp32, and then in INT8."""

    def __init__(
        self, model: str, scale: float, size: tuple[int, int] | None, folder: Path
    ) -> None:
        """size: width and height of frames, None for any; folder: for the files in fp32."""
        if is_graph(model):
            raise ArgumentError(f"MODEL must be a name or a weights file, not the graph {model!r}")
        name = model_name(model)
        check_options(name, scale, False)
        row = name or recognise(normalise(read_arrays(find_weights(model))))
        unit = arch_of(row).pad_unit(scale)
        self._unit = unit
        padded = size and (size[0] + -size[0] % unit, size[1] + -size[1] % unit)
        self._files = export_model(model, folder / "fp32.onnx", scale=scale, size=padded)
        self._graph = onnx.load(self._files[0])

    def write(self, path: Path, pairs: Iterable[tuple[Frame, Frame]]) -> None:
        """Calibrate on these pairs of frames, and write the files; encoders stay in fp32."""
        made = quantize.quantize(self._graph, self._feeds(pairs))
        said = {entry.key: entry for entry in made.metadata_props}
        said["precision"].value = "int8"
        for file in self._files[1:]:
            write_whole(path.with_suffix("".join(file.suffixes)), partial(copyfile, file))
        write_whole(path, lambda part: part.write_bytes(made.SerializeToString()))

    def _feeds(self, pairs: Iterable[tuple[Frame, Frame]]) -> Iterator[dict[str, Any]]:
        encoder = self._files[0].with_suffix(".encode.onnx")
        encode = None
        if encoder.is_file():
            encode = onnxruntime.InferenceSession(
                str(encoder), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        for pair in pairs:
            height, width = pair[0][0].shape
            size = (width + -width % self._unit, height + -height % self._unit)
            left, right = (arrays.padded(frame, size) for frame in pair)
            if encode is not None:
                left, right = (encode.run(None, {"image": image})[0] for image in (left, right))
            yield {"left": left, "right": right, "timestep": _HALF}
