"""Weight files as they lie on the disk: reading them safely, writing ours."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsrife.errors import ModelError, printable
from vsrife.weights.folders import write_whole
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

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")
GRAPHS = (".onnx",)  # what a runtime runs as it is


def is_graph(model: object) -> bool:
    """Whether a model's path is that of a graph, with a network of its own, and not of weights."""
    return isinstance(model, str | os.PathLike) and os.fsdecode(model).lower().endswith(GRAPHS)


def read_arrays(path: Path, suffix: str | None = None) -> dict[str, Array]:
    """The weights in a .safetensors, .pkl, .pth or .pt file by key; no file can run code here.

    suffix: what the file is, where its name does not say so. ModelError for a file that is damaged,
    no weights file, or holds anything but finite floating-point tensors by name.
    """
    kind = (suffix or path.suffix).lower()
    if kind not in SUFFIXES:
        raise ModelError(f"model file {path} must be one of {', '.join(SUFFIXES)}, not {kind!r}")
    content = read_content(path)
    try:
        state = read_safetensors(content) if kind == ".safetensors" else read_pickle(content)
    except Exception as error:  # readers raise whatever a damaged file makes them stumble over
        raise damaged(path, error, content) from error
    try:
        return checked(state)
    except ModelError as error:
        raise ModelError(f"model file {path} {error}") from error


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
    """All of a file; ModelError where it cannot be read or no weights file can be so large."""
    try:
        size = path.stat().st_size
        if size > LIMIT:
            raise ModelError(
                f"model file {path} has {size >> 20} MiB; no RIFE v4 has more than {LIMIT >> 20}"
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read ({error.strerror})") from error


def read_metadata(path: Path) -> dict[str, str]:
    """The texts in a .safetensors file; none where it has none or is damaged."""
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


def damaged(path: Path, error: Exception, content: bytes) -> ModelError:
    """The error for a file that a reader stumbled over."""
    reason = printable(str(error).strip()) or type(error).__name__
    if content[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        reason = "it is a web page"
    return ModelError(
        f"model file {path} cannot be read: it is damaged, cut short or no weights file "
        f"({reason}); fetch it again"
    )
