"""Weights as numpy arrays by key: reads and writes safetensors, checks weights, digest."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import BackendError, ModelError
from vsrife.network.state_dict import is_surplus
from vsrife.weights.readers.families import official_keys

type Array = NDArray[Any]

LIMIT = 256 << 20  # bytes of a file and of its tensors; the largest official one has 87 MB
DIGEST = "tensors_sha256"  # in the metadata of files that the store has written
_HEADER_LIMIT = 1 << 20  # of safetensors; ours take 20 KB

_TYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip  # a name beside its type


def numbers(block: bytes, kind: str, order: str = "<") -> Array:
    """The numbers in `block` as a flat array; kind: safetensors' name; bfloat16 becomes float32."""
    if kind == "BF16":
        upper = np.frombuffer(block, f"{order}u2").astype(np.uint32)
        return (upper << 16).view(np.float32)
    flat = np.frombuffer(block, f"{order}{_TYPES[kind]}")
    return flat.astype(flat.dtype.newbyteorder("="))


def read_safetensors(content: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file; ValueError if it is damaged or its digest differs."""
    deserialize = _library().deserialize
    metadata = safetensors_metadata(content)
    state = {}
    # the library gives another order in each process, and messages name the first key that is odd
    for key, tensor in sorted(deserialize(content), key=itemgetter(0)):
        kind = tensor["dtype"]
        if kind not in _TYPES and kind != "BF16":
            raise ValueError(f"{key!r:.200} is of type {kind}")
        state[key] = numbers(bytes(tensor["data"]), kind).reshape(tensor["shape"])
    if DIGEST in metadata and metadata[DIGEST] != digest(state):
        raise ValueError("its tensors are not those that were written: the digest differs")
    return state


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file; `content` may be only its beginning."""
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    if not 2 <= length <= _HEADER_LIMIT or len(content) < 8 + length:
        raise ValueError("its header is missing, cut short or too long")
    header = json.loads(content[8 : 8 + length])
    found = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return {str(key): str(value) for key, value in found.items()}


HEADER_BYTES = 8 + _HEADER_LIMIT  # enough of a file for its metadata


def checked(state: object) -> dict[str, Array]:
    """`state` if it holds finite floating-point arrays by key; else ModelError names the key.

    Keys that only training needs are left out, whatever they hold; those of other programs become
    official ones.
    """
    if not isinstance(state, dict) or not state:
        raise ModelError("holds no tensors by name; it must be a plain state dict")
    if all(isinstance(key, str) for key in state):
        state = official_keys(state)
    plain = {key: value for key, value in state.items() if not is_surplus(key)}
    for key, value in plain.items():
        if not isinstance(key, str) or not isinstance(value, np.ndarray):
            raise ModelError(f"holds something that is no tensor: {key!r:.200}; fetch it again")
        if not key.isprintable():  # names end up in messages, on terminals
            raise ModelError(f"holds a tensor with a damaged name: {key!r:.200}")
        if value.dtype.kind != "f":
            raise ModelError(f"holds a tensor of another kind than weights: {key!r:.200}")
        if not np.isfinite(value).all():
            raise ModelError(f"holds numbers that are not finite: {key!r:.200}; fetch it again")
    return plain


def digest(state: Mapping[str, Array]) -> str:
    """SHA-256 over names, types, shapes and numbers, in the order of the names."""
    total = hashlib.sha256()
    for key in sorted(state):
        value = np.ascontiguousarray(state[key])
        total.update(f"{key}\0{value.dtype.str}\0{value.shape}\0".encode())
        total.update(value.data)
    return total.hexdigest()


def as_safetensors(state: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    _library()
    from safetensors.numpy import save

    return save({key: np.ascontiguousarray(value) for key, value in state.items()}, dict(metadata))


def _library() -> Any:
    """The package safetensors; BackendError, which no reader takes for damage, if it is missing."""
    try:
        import safetensors
    except ImportError as error:
        raise BackendError(
            f"a .safetensors file needs what is not installed: {error}; pip install safetensors"
        ) from error
    return safetensors
