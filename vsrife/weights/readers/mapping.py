"""Maps the convolutions of a graph to a state dict: to the keys of a row, by name or by order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vsrife.network.table import ARCHS, Row, Shape, state_shapes
from vsrife.weights.readers.safetensors import Array


@dataclass(frozen=True)
class Convolution:
    """One convolution of a graph, transposed or not, and what is done to its output.

    weight: as torch keeps it, (out, in / groups, k, k), transposed (in, out, k, k); bias: (out,);
    beta: (1, out, 1, 1), what the output is multiplied by; slope: (out,), of a PReLU after it;
    name: of the layer, "" where that tells nothing.
    """

    weight: Array
    bias: Array
    transposed: bool
    beta: Array | None = None
    slope: Array | None = None
    name: str = ""

    def tensors(self) -> dict[str, Array]:
        """By the keys that a checkpoint has for a layer of this name."""
        beside = self.name.rpartition(".")[0]
        found = {f"{self.name}.weight": self.weight, f"{self.name}.bias": self.bias}
        if self.beta is not None:
            found[f"{beside}.beta"] = self.beta
        if self.slope is not None:
            found[f"{beside}.1.weight"] = self.slope
        return found


def map_by_name(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors whose name ends with a key of a checkpoint, by that key."""
    shapes = {key: shape for arch in ARCHS.values() for key, shape in state_shapes(arch).items()}
    found = {}
    for name, value in tensors.items():
        parts = name.split(".")
        ends = (".".join(parts[i:]) for i in range(len(parts)))
        key = next((end for end in ends if end in shapes), None)
        if key is not None:
            # a PReLU's slopes are (c, 1, 1) in ONNX
            found[key] = value.reshape(-1) if len(shapes[key]) == 1 else value
    return found


def map_by_order(convolutions: Sequence[Convolution]) -> dict[str, dict[str, Array]]:
    """Row -> state dict, for every row whose convolutions these are, in the same order.

    A graph repeats a convolution that runs twice (the encoder; everything with ensemble): the first
    of equal ones counts. Several rows fit if their networks look the same as graphs.
    """
    once = _without_repeats(convolutions)
    fitting = {}
    for name, arch in ARCHS.items():
        slots = _slots(arch)
        states = [_state(slot, conv) for slot, conv in zip(slots, once, strict=False)]
        if len(slots) == len(once) and all(states):
            fitting[name] = {key: value for state in states for key, value in (state or {}).items()}
    return fitting


def _without_repeats(convolutions: Iterable[Convolution]) -> list[Convolution]:
    first: dict[object, Convolution] = {}
    for conv in convolutions:
        arrays = (conv.weight, conv.bias)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays))
        first.setdefault((conv.transposed, conv.weight.shape, digest.digest()), conv)
    return list(first.values())


@dataclass(frozen=True)
class _Slot:
    """Keys and shapes of a convolution's tensors; beta and slope are None if it has none."""

    weight: tuple[str, Shape]
    bias: tuple[str, Shape]
    beta: tuple[str, Shape] | None
    slope: tuple[str, Shape] | None


def _slots(arch: Row) -> list[_Slot]:
    """The row's convolutions in the order in which they run: the encoder, then the blocks."""
    shapes = state_shapes(arch)

    def entry(key: str) -> tuple[str, Shape] | None:
        return (key, shapes[key]) if key in shapes else None

    slots = []
    for key in sorted(shapes, key=lambda key: not key.startswith("encode.")):
        if len(shapes[key]) == 4 and key.endswith(".weight"):
            layer = key.removesuffix(".weight")
            beside = layer.rpartition(".")[0]
            bias = f"{layer}.bias"
            slots.append(
                _Slot(
                    weight=(key, shapes[key]),
                    bias=(bias, shapes[bias]),
                    beta=entry(f"{beside}.beta"),
                    slope=entry(f"{beside}.1.weight") if arch.prelu else None,
                )
            )
    return slots


def _state(slot: _Slot, conv: Convolution) -> dict[str, Array] | None:
    """The convolution's tensors under the slot's keys; None if it does not fit."""
    if conv.transposed != (slot.weight[1][2] == 4):
        return None
    pairs = [
        (slot.weight, conv.weight),
        (slot.bias, conv.bias),
        (slot.beta, conv.beta),
        (slot.slope, conv.slope),
    ]
    state = {}
    for entry, value in pairs:
        if (entry is None) != (value is None):
            return None
        if entry is not None and value is not None:
            if value.shape != entry[1]:
                return None
            state[entry[0]] = value
    return state
