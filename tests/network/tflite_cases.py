"""Narrow networks of every row with random weights, in PyTorch and as TFLite files."""

from __future__ import annotations

import functools
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tests.network.tflite_runtime import Tflite
from tests.support.narrow import narrowed
from vsrife.network import any_row
from vsrife.network.files import tflite_files
from vsrife.network.files.targets import FileOptions
from vsrife.network.ifnet import blend
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import RunOptions
from vsrife.network.own import mobile
from vsrife.network.own.mobile_row import MobileRow
from vsrife.network.table import ARCHS, PYRAMIDS, UNTRAINED, Arch, Row, arch_of, state_shapes

Array = NDArray[np.float32]
ROWS = [*ARCHS, *UNTRAINED]
TIME = 0.3
DEFAULTS = FileOptions()


class Found(NamedTuple):
    """(1, C, H, W); flow and mask at half size, mask in 0..1."""

    image: Array
    flow: Array
    mask: Array


def narrow(name: str) -> Row:
    """The row with an eighth of its widths and a quarter of its blocks' convolutions: the same
    structure, a hundredth of the work."""
    row = arch_of(name)
    if name in PYRAMIDS:
        return narrowed(PYRAMIDS[name])
    if not isinstance(row, Arch):
        return row
    widths = tuple(max(8, width // 32 * 4) for width in row.widths)
    return replace(row, widths=widths, convs=(2,) * len(widths))


@functools.cache
def state_of(row: Row) -> dict[str, Array]:
    """Weights that keep the size of numbers from layer to layer, so that pixels move."""
    numbers = np.random.default_rng(7)
    state = {}
    for key, shape in state_shapes(row).items():
        value = numbers.standard_normal(shape)
        if len(shape) == 4 and shape[2] > 1:
            transposed = shape[2] == 4 and key != "encode.conv0.weight"
            value *= 1.2 / np.sqrt(4 * shape[0] if transposed else prod(shape[1:]))
        elif key.endswith(".beta"):
            value = 1 + 0.2 * value
        elif key.endswith("sharpness"):
            value = np.full(shape, 20.0)
        else:
            value *= 0.2
        if "lastconv" in key or key.endswith(("out.weight", "flow.weight")) or key == "last.weight":
            value *= 0.3
        state[key] = value.astype(np.float32)
    return state


@functools.cache
def frames(size: tuple[int, int]) -> tuple[Array, Array]:
    """Smooth pictures (1, 3, H, W), so that a pixel's place counts as much as its colour."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    planes = [
        0.5 + 0.3 * np.sin(x / (5 + c) + move) + 0.19 * np.cos(y / (4 + c) + x / 9 - move)
        for move in (0.0, 0.9)
        for c in range(3)
    ]
    both = np.stack(planes).astype(np.float32).reshape(2, 1, 3, height, width)
    return both[0], both[1]


def size_of(row: Row, scale: float = 1.0) -> tuple[int, int]:
    """Small, and wider than high, where the row allows both."""
    unit = row.pad_unit(scale)
    return (max(unit, 96 // unit * unit), unit if unit >= 64 else 64)


@functools.cache
def by_torch(
    row: Row, scale: float = 1.0, ensemble: bool = False, weights_of: Row | None = None
) -> Found:
    """weights_of: a row with the same weights and more, None for none."""
    size = size_of(row, scale)
    ops, options = TorchOperations(size), RunOptions(scale, ensemble)
    weights = {key: torch.from_numpy(value) for key, value in state_of(weights_of or row).items()}
    left, right = (torch.from_numpy(frame) for frame in frames(size))
    time = torch.full((1, 1, 1, 1), TIME)
    refined = any_row.refine(ops, weights, row, options, left, right, time)
    flow, mask = ops.resize(refined.flow, 0.5), ops.resize(refined.mask, 0.5)
    if isinstance(row, MobileRow) and scale == 1:  # theirs is of that size
        both = (mobile.prepare(ops, weights, row, scale, x) for x in (left, right))
        flow, mask = mobile.estimate(ops, weights, row, options, *both, time)
    tensors = (blend(ops, refined)[0], flow, mask.sigmoid())
    return Found(*(tensor.numpy() for tensor in tensors))


def content_of(row: Row, options: FileOptions) -> bytes:
    """The file; options.size: None for that of `size_of`."""
    options = replace(options, size=options.size or size_of(row, options.scale))
    return tflite_files.build(state_of(row), row, options, {"model": "some"})[".tflite"]


def by_tflite(
    row: Row, options: FileOptions = DEFAULTS, *, plain: bool = False
) -> dict[str, Array]:
    """The outputs by name, (1, C, H, W)."""
    left, right = (np.moveaxis(f, 1, -1) for f in frames(size_of(row, options.scale)))
    feeds = {"left": left, "right": right, "timestep": np.full((1, 1, 1, 1), TIME, np.float32)}
    found = Tflite(content_of(row, options), plain=plain)(feeds)
    return {name: np.moveaxis(value, -1, 1) for name, value in found.items()}


def psnr(a: Array, b: Array) -> float:
    return float(-10 * np.log10(np.square(a - b).mean()))
