"""PyTorch's files, made byte by byte from their documented layout, also such as it would not write.

Independent of the reader, and of what today's PyTorch still writes."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping

import numpy as np
import torch

# key in its storage, numbers in that storage, offset, shape, strides
type View = tuple[str, int, int, tuple[int, ...], tuple[int, ...]]


def pickled(value, protocol=2) -> bytes:
    """A file of PyTorch's own making that holds this in a weight's place."""
    out = io.BytesIO()
    torch.save({"block0.conv0.0.0.weight": value}, out, pickle_protocol=protocol)
    return out.getvalue()


def torch_zip(program: bytes, *storages: bytes, **parts: bytes) -> bytes:
    """A PyTorch file with this pickle, these storages, and other parts by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for number, block in enumerate(storages):
            archive.writestr(f"archive/data/{number}", block)
        for name, block in parts.items():
            archive.writestr(name, block)
    return out.getvalue()


def torch_legacy(program: bytes, storages: Mapping[str, bytes]) -> bytes:
    """A file as torch before 1.6 wrote it: five pickles, then fp32 storages by key, counted."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    blocks = [struct.pack("<q", len(block) // 4) + block for block in storages.values()]
    return b"".join([*head, program, pickle.dumps(list(storages), 2), *blocks])


def state_program(views: Mapping[str, View], kind="FloatStorage", legacy=False) -> bytes:
    """A state dict's pickle: these views by key."""

    def text(word):
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    def number(value):
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    program = b"\x80\x02}("
    for key, (storage, count, offset, shape, strides) in views.items():
        program += text(key) + b"ctorch._utils\n_rebuild_tensor_v2\n("
        program += b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(storage)
        program += text("cpu") + number(count) + (b"N" if legacy else b"") + b"tQ"
        program += number(offset) + numbers(shape) + numbers(strides) + b"\x89}tR"
    return program + b"u."


def legacy_state(state: Mapping[str, np.ndarray]) -> bytes:
    """A state dict of fp32 as torch before 1.6 saved it, each tensor in a storage of its own."""
    views: dict[str, View] = {}
    for number, (key, value) in enumerate(state.items()):
        strides = tuple(step // 4 for step in np.ascontiguousarray(value).strides)
        views[key] = str(number), value.size, 0, value.shape, strides
    blocks = [value.astype("<f4").tobytes() for value in state.values()]
    return torch_legacy(
        state_program(views, legacy=True), {str(n): block for n, block in enumerate(blocks)}
    )
