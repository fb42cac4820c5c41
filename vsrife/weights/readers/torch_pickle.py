"""Reads PyTorch's files (.pkl, .pth, .pt) without PyTorch; no file can run code.

Only bytes that the file really has are read; nothing is decompressed.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from math import prod

import numpy as np

from vsrife.weights.readers.safetensors import LIMIT, Array, numbers
from vsrife.weights.readers.unpickler import NoTensorsError, Storage, Unpickler, View

_ZIP_START, _ZIP_ENTRY = b"PK\x03\x04", b"PK\x01\x02"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch before 1.6 begins with this number, pickled
_LEGACY_PROTOCOL = 1001
_MOST_INSTRUCTIONS = 2 << 20  # bytes of pickle; official files have 20 KB
_MOST_TENSORS = 4096  # official files have 130
# Under which checkpoints of training programs keep a network, the one to be used first
_WRAPPERS = ("params_ema", "ema", "state_dict", "model_state_dict", "params", "model", "flownet")


def read_pickle(content: bytes) -> object:
    """The content of a file, tensors as arrays.

    ValueError, or whatever a reader of the standard library raises, if it is no state dict.
    """
    if content.startswith(_ZIP_START):
        return _read_zip(content)
    return _read_legacy(content)


def _read_zip(content: bytes) -> object:
    # before zipfile makes an object of each entry
    if content.count(_ZIP_ENTRY) > 2 * _MOST_TENSORS:
        raise ValueError("it has too many parts")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) > _MOST_TENSORS or len(members) != len(archive.infolist()):
            raise ValueError("it has too many parts, or two of one name")
        if any(".." in name or name[:1] in "/\\" or ":" in name for name in members):
            raise ValueError("it has parts with paths that lead elsewhere")
        if any("/code/" in name for name in members):
            raise NoTensorsError("it is a TorchScript program")
        # torch stores without compression; so no part can grow, and together they fit into the file
        if any(i.compress_type or i.flag_bits & 1 for i in members.values()):
            raise ValueError("it is compressed or encrypted, which PyTorch's files never are")
        if sum(info.file_size for info in members.values()) > len(content):
            raise ValueError("its parts are larger than the file")
        program = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(program) != 1:
            raise ValueError("it is a zip file, but not PyTorch's")
        folder = program[0].removesuffix("data.pkl")
        if members[program[0]].file_size > _MOST_INSTRUCTIONS:
            raise ValueError("its pickle is too long for a state dict")
        order = archive.read(folder + "byteorder") if folder + "byteorder" in members else b"little"
        swapped = order.strip() == b"big"

        def data(storage: Storage) -> bytes:
            name = f"{folder}data/{storage.key}"
            if name not in members or members[name].file_size != storage.size:
                raise ValueError(f"storage {storage.key!r} is missing or of another size")
            return archive.read(name)

        value = Unpickler(io.BytesIO(archive.read(program[0]))).run()
        return _with_arrays(value, data, ">" if swapped else "<")


def _read_legacy(content: bytes) -> object:
    """Files of torch before 1.6: five pickles, then the storages one after the other."""
    head = io.BytesIO(content[:_MOST_INSTRUCTIONS])
    if Unpickler(head).run() != _LEGACY_MAGIC or Unpickler(head).run() != _LEGACY_PROTOCOL:
        raise ValueError("it is no PyTorch file")
    system = Unpickler(head).run()
    order = ">" if isinstance(system, dict) and system.get("little_endian") is False else "<"
    unpickler = Unpickler(head)
    value = unpickler.run()
    keys = Unpickler(head).run()
    rest = io.BytesIO(content)
    rest.seek(head.tell())
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is damaged")
    if sum(storage.size + 8 for storage in unpickler.storages.values()) > len(content):
        raise ValueError("its storages are larger than the file")
    blocks: dict[str, bytes] = {}
    for key in keys:
        storage = unpickler.storages.get(key)
        count = rest.read(8)
        if storage is None or len(count) != 8 or struct.unpack("<q", count)[0] != storage.count:
            raise ValueError(f"storage {key!r} is missing or of another size")
        blocks[key] = rest.read(storage.size)
    return _with_arrays(value, lambda storage: blocks.get(storage.key, b""), order)


def _with_arrays(value: object, data: Callable[[Storage], bytes], order: str) -> object:
    """`value` with every tensor in its first level as an array, within LIMIT bytes together.

    If a checkpoint has its weights one level below, it is that level.
    """
    value = _inner(value)
    if not isinstance(value, dict):
        return value
    views = [view for view in value.values() if isinstance(view, View)]
    if len(views) > _MOST_TENSORS:
        raise ValueError("it has too many tensors")
    if sum(prod(view.shape) * view.storage.item for view in views) > LIMIT:
        raise ValueError("its tensors are too large")
    flat: dict[str, Array] = {}
    for view in views:
        storage = view.storage
        if storage.key not in flat:
            block = data(storage)
            if len(block) != storage.size:
                raise ValueError(f"storage {storage.key!r} is cut short")
            flat[storage.key] = numbers(block, storage.kind, order)
    return {
        key: _array(item, flat[item.storage.key]) if isinstance(item, View) else item
        for key, item in value.items()
    }


def _inner(value: object) -> object:
    """The state dict in a checkpoint that holds other things beside it, if it is plainly one."""
    if not isinstance(value, dict) or any(isinstance(item, View) for item in value.values()):
        return value
    inside = [value[key] for key in _WRAPPERS if _is_state(value.get(key))]
    return inside[0] if inside else value


def _is_state(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(item, View) for item in value.values())


def _array(view: View, flat: Array) -> Array:
    """A copy, so that nothing refers to memory that others share."""
    step = flat.itemsize
    strides = tuple(stride * step for stride in view.strides)
    return np.lib.stride_tricks.as_strided(
        flat[view.offset :], view.shape, strides, writeable=False
    ).copy()
