"""The files of an export to OpenVINO: its IR, by its own converter. Needs openvino and onnx.

It is here since runtimes are loaded by `quiet` alone, which the network's folder does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from vsrife.errors import BackendError, printable
from vsrife.inference.backends import quiet
from vsrife.messages import one_line
from vsrife.network.files.onnx_files import models
from vsrife.network.files.targets import FileOptions
from vsrife.network.table import Row
from vsrife.weights.folders import temporary

ov = quiet.load("openvino")

FACTS = "vsrife"  # section of the model's rt_info that holds the facts about the file


def build(
    state: Mapping[str, NDArray[np.generic[Any]]],
    arch: Row,
    options: FileOptions,
    facts: Mapping[str, str],
) -> dict[str, bytes]:
    """See `targets`. The graphs of `onnx_files`, each as `.xml` and the `.bin` that it names.

    BackendError if this version of OpenVINO cannot convert a graph, MediaError if there is no room
    for it.
    """
    files: dict[str, bytes] = {}
    for part, model in models(state, arch, options, facts).items():
        graph, weights = _converted(model)
        files |= {f"{part}.xml": graph, f"{part}.bin": weights}
    return files


def _converted(model: ModelProto) -> tuple[bytes, bytes]:
    """Contents of the `.xml` and the `.bin`; types and names of a graph stay what they are."""
    with temporary() as folder:
        return _through(folder, model)


def _through(folder: Path, model: ModelProto) -> tuple[bytes, bytes]:
    """The same by way of files in `folder`, since OpenVINO writes nothing else."""
    path = folder / "graph.xml"
    try:
        graph = ov.Core().read_model(model.SerializeToString())
        for fact in model.metadata_props:
            graph.set_rt_info(fact.value, [FACTS, fact.key])
        # compressed, the coordinates of warps would be fp16, too: a graph in fp16 has its own
        ov.save_model(graph, path, compress_to_fp16=False)
    except Exception as error:  # RuntimeError, or what its readers stumble with
        _check_room(path, 2 * model.ByteSize())
        raise BackendError(
            f"OpenVINO {ov.__version__} cannot convert the graph "
            f"({printable(one_line(str(error)))}); use target onnx, or another version"
        ) from error
    return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _check_room(path: Path, length: int) -> None:
    """OSError where so many bytes cannot be written: OpenVINO's own error does not say so."""
    path.with_suffix(".bin").unlink(missing_ok=True)
    path.write_bytes(bytes(length))
