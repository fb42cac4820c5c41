"""Reads weights files safely, and writes ours."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsrife.errors import BackendError, ModelError, printable
from vsrife.network.table import VERSIONS
from vsrife.weights.folders import is_file, user_catalogue, user_folder, write_whole
from vsrife.weights.readers.file_kinds import why_refused
from vsrife.weights.readers.safetensors import (
    HEADER_BYTES,
    LIMIT,
    Array,
    as_safetensors,
    checked,
    read_safetensors,
    safetensors_metadata,
)
from vsrife.weights.readers.torch_pickle import read_pickle
from vsrife.weights.readers.unpickler import NoTensorsError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")
GRAPHS = (".onnx",)  # a runtime runs these as they are
IN_FOLDER = ("flownet.pkl", "flownet.param")  # names in train_log and in folders of ncnn models
# Files that `vsrife export` writes and nothing here runs
_EXPORTED = "is written for other programs and not read back; name the weights, or export .onnx"
ELSEWHERE = {
    ".xml": f"OpenVINO's IR {_EXPORTED}",
    ".tflite": f"TFLite {_EXPORTED}",
    **dict.fromkeys((".param", ".bin"), "`vsrife models import` takes ncnn's files"),
}


def is_graph(model: object) -> bool:
    """Whether a path is that of a graph, which holds a network, and not of weights alone."""
    return isinstance(model, str | os.PathLike) and os.fsdecode(model).lower().endswith(GRAPHS)


def read_arrays(path: Path, suffix: str | None = None) -> dict[str, Array]:
    """The weights in a .safetensors, .pkl, .pth or .pt file by key; no file can run code here.

    suffix: the kind of file, if its name does not tell. ModelError if it is damaged, not a weights
    file, or holds anything but finite floating-point tensors by name.
    """
    kind = (suffix or path.suffix).lower()
    if kind not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ModelError(f"model file {path} must be one of {known}, not {kind!r}{hint(path)}")
    content = read_content(path)
    try:
        state = read_safetensors(content) if kind == ".safetensors" else read_pickle(content)
    except BackendError:  # a package is missing, and the file may be whole
        raise
    except Exception as error:  # readers raise whatever a damaged file makes them stumble over
        raise damaged(path, error, content, kind) from error
    try:
        return checked(state)
    except ModelError as error:
        text = str(error).replace("; fetch it again", f"; {way_out(path)}")
        raise ModelError(f"model file {path} {text}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """The same as PyTorch's tensors."""
    import torch

    return {key: torch.from_numpy(value) for key, value in read_arrays(path).items()}


def save_weights(
    path: Path, state: Mapping[str, Tensor] | Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write a state dict as safetensors, whole or not at all."""
    arrays = {
        key: value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()
        for key, value in state.items()
    }
    content = as_safetensors(arrays, metadata)
    write_whole(path, lambda part: part.write_bytes(content))


def read_content(path: Path) -> bytes:
    """The bytes of a file; ModelError if it cannot be read or is larger than any weights file."""
    try:
        size = path.stat().st_size
        if size > LIMIT:
            raise ModelError(
                f"model file {path} has {size >> 20} MiB; no RIFE v4 has more than {LIMIT >> 20}"
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read ({error.strerror})") from error


def hint(path: Path) -> str:
    """The end of a message about a file whose suffix no reader has: the way out, if known."""
    suffix = path.suffix.lower()
    if suffix in ELSEWHERE:
        return f"; {ELSEWHERE[suffix]}"
    try:
        is_what = why_refused(read_content(path), suffix) if is_file(path) else ""
    except ModelError:
        return ""
    return f"; it {is_what}" if is_what else ""


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a .safetensors file; empty if it has none or is damaged."""
    try:
        with path.open("rb") as file:
            return safetensors_metadata(file.read(HEADER_BYTES))
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read ({error.strerror})") from error


def damaged(path: Path, error: Exception, content: bytes, suffix: str | None = None) -> ModelError:
    """The error for a file on which a reader failed. suffix: of what that reads, if the file's name
    does not tell."""
    other = why_refused(content, (suffix or path.suffix).lower())
    if other:
        return ModelError(f"model file {path} {other}")
    reason = printable(str(error).strip()) or type(error).__name__
    if isinstance(error, KeyError):  # whose text is the bare key
        reason = f"it refers to {reason}, which is not in it"
    if content[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        reason = "it is a web page"
    if not content:
        reason = "it is empty"
    way = "save its state_dict alone" if isinstance(error, NoTensorsError) else way_out(path)
    return ModelError(
        f"model file {path} cannot be read: it is damaged, cut short or no weights file "
        f"({reason}); {way}"
    )


def way_out(path: Path) -> str:
    """How to get a weights file anew; what was imported into the store cannot be fetched."""
    if is_graph(path):
        return "export or fetch it again"
    official = path.stem.removeprefix("flownet_v") in VERSIONS
    if official or path.absolute().parent != user_folder():
        return "fetch it again"
    # a row of the user's own may have sources
    return "fetch or import it again" if is_file(user_catalogue()) else "import it again"
