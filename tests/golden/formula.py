"""The weights and pictures that goldens.npz was computed from, made anew from their definition.

Every number comes from a hash of its name, so nothing trained and nothing random is involved:
splitmix64, seeded with the CRC-32 of the name in its upper half. All results are exact in fp16.
goldens.npz itself holds outputs of the peer vs-rife 5.7.0 on a CPU in fp32.
make_goldens.py checks that file against the peer, and makes it anew.
"""

import functools
import json
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsrife.network.table import ARCHS, Arch, Row, state_shapes

GOLDENS = Path(__file__).with_name("goldens.npz")
MASK = (1 << 64) - 1
BODY_GAINS = {"beta": 0.9, "plain": 1.5, "skip": 1.5}


@functools.cache
def _file() -> Mapping[str, NDArray[np.generic]]:
    """The file, whose list of a thousand arrays is read once."""
    return np.load(BytesIO(GOLDENS.read_bytes()))


def cases() -> list[tuple[str, dict]]:
    index = json.loads(str(_file()["index"]))["archs"]
    return [(arch, case) for arch, cases in index.items() for case in cases]


def goldens(arch: str, case: str) -> dict[str, NDArray[np.float32]]:
    """All arrays of a case, by what they are."""
    start = f"{arch}/{case}/"
    file = _file()
    return {key.removeprefix(start): file[key] for key in file if key.startswith(start)}


def golden(arch: str, name: str) -> NDArray[np.float32]:
    return _file()[f"{arch}/{name}"]


def unit_numbers(name: str, count: int) -> NDArray[np.float64]:
    """`count` numbers in [0, 1)."""
    seed = np.uint64((zlib.crc32(name.encode()) << 32) & MASK)
    with np.errstate(over="ignore"):
        # in place, which takes half the time
        state = np.arange(1, count + 1, dtype=np.uint64)
        state *= np.uint64(0x9E3779B97F4A7C15)
        state += seed
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state ^= state >> np.uint64(shift)
            state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    state >>= np.uint64(11)
    return state * 2.0**-53


def _gain(arch: Row, key: str, shape: tuple[int, ...]) -> float:
    """What a convolution's unit-variance numbers are multiplied by."""
    if not isinstance(arch, Arch):
        tail = key.rpartition(".")[0].rpartition(".")[2] in ("out", "flow", "mask")
        return (0.3 if tail else 0.9) / np.sqrt(np.prod(shape[1:]))
    if shape[2] == 4:  # transposed
        tail = (0.25 if arch.shuffles else 0.8) if "lastconv" in key else 1.0
        return tail / np.sqrt(4 * shape[0])
    front = 0.6 if ".conv0.0." in key else 1.3  # a block's first convolution also reads the flow
    gain = BODY_GAINS[arch.body] if "convblock" in key else front
    return gain / np.sqrt(9 * shape[1])


def make_state(
    name: str, seed: int = 0, flow_gain: float | Sequence[float] = 1.0
) -> dict[str, NDArray[np.float32]]:
    """Weights for a row; `flow_gain` multiplies the tails, all or each block's own."""
    gain = tuple(flow_gain) if isinstance(flow_gain, Sequence) else flow_gain
    return dict(_state(name, seed, gain))


@functools.lru_cache(maxsize=4)  # a row's cases come one after another
def _state(
    name: str, seed: int, flow_gain: float | tuple[float, ...]
) -> dict[str, NDArray[np.float32]]:
    arch, state = ARCHS[name], {}
    for key, shape in state_shapes(arch).items():
        numbers = (2 * unit_numbers(f"{seed}/{key}", int(np.prod(shape))) - 1) * np.sqrt(3.0)
        numbers = numbers.reshape(shape)
        if key.endswith(".beta"):
            numbers = 1 + 0.25 * numbers
        elif key.endswith(".bias"):
            numbers = 0.2 * numbers
        elif key.endswith(".sharpness"):
            numbers = np.full(shape, 20.0)
        elif len(shape) == 1:  # slopes of a PReLU
            numbers = 0.25 + 0.1 * numbers
        else:
            numbers = numbers * _gain(arch, key, shape)
        if "lastconv" in key:
            block = int(key.removeprefix("block").partition(".")[0])
            numbers = numbers * (flow_gain[block] if isinstance(flow_gain, tuple) else flow_gain)
        state[key] = numbers.astype(np.float16).astype(np.float32)
    return state


def _noise(
    name: str, y: NDArray[np.float64], x: NDArray[np.float64], cell: float
) -> NDArray[np.float64]:
    """Smooth noise in [0, 1): a 64x64 grid of numbers, `cell` pixels apart, endlessly repeated."""
    grid = unit_numbers(name, 64 * 64).reshape(64, 64)
    (row, v), (column, u) = (np.divmod(p / cell, 1) for p in (y, x))
    v, u = (w * w * (3 - 2 * w) for w in (v, u))
    r, c = row.astype(np.int64), column.astype(np.int64)
    corner = {(j, i): grid[(r + j) % 64, (c + i) % 64] for j in (0, 1) for i in (0, 1)}
    upper = corner[0, 0] * (1 - u) + corner[0, 1] * u
    lower = corner[1, 0] * (1 - u) + corner[1, 1] * u
    return upper * (1 - v) + lower * v


def make_images(
    height: int, width: int, seed: int = 0, overshoot: float = 0.0
) -> list[NDArray[np.float32]]:
    """Two pictures (3, height, width): drifting noise, and a disc that moves over it.

    In 0..1, or with `overshoot` o in -o..1 + o.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    pictures = []
    for time in (0, 1):
        middle_y, middle_x = height * (0.40 + 0.12 * time), width * (0.35 + 0.20 * time)
        distance = np.sqrt((y - middle_y) ** 2 + (x - middle_x) ** 2)
        inside = np.clip(min(height, width) * 0.22 - distance + 0.5, 0, 1)
        channels = []
        for channel in range(3):
            name = f"image/{seed}/{channel}/"
            by, bx = y + 1.5 * time + 100, x - 2.25 * time + 100
            ground = 0.65 * _noise(name + "coarse", by, bx, 13)
            ground = ground + 0.35 * _noise(name + "fine", by, bx, 5)
            disc = 0.5 * _noise(name + "disc", y - middle_y + 100, x - middle_x + 100, 7)
            disc = disc + 0.5 * unit_numbers(name + "tint", 1)[0]
            channels.append(ground * (1 - inside) + disc * inside)
        picture = np.stack(channels) * (1 + 2 * overshoot) - overshoot
        pictures.append((np.floor(picture * 1024 + 0.5) / 1024).astype(np.float32))
    return pictures


def checksum(arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """SHA-256 over keys and values in the order of the keys."""
    digest = sha256()
    for key in sorted(arrays):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(arrays[key], dtype="<f4").tobytes())
    return digest.hexdigest()
