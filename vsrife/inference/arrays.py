"""Frames as numpy arrays: what goes in front of a network that has no framework, and after it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.inference.base import Planes
from vsrife.network.table import CADENCE_CELL, CADENCE_FLOOR

type Array = NDArray[Any]

_STILL = np.float32(CADENCE_FLOOR)


def padded(planes: Planes, size: tuple[int, int]) -> Array:
    """(1, C, H, W) of planes (height, width), with edges repeated to the right and below.

    planes: any range; what is no number becomes 0, what is infinite 0 or 1. size: W, H.
    """
    height, width = planes[0].shape
    image = np.empty((1, len(planes), size[1], size[0]), np.float32)
    inside = image[:, :, :height, :width]
    for target, plane in zip(inside[0], planes, strict=True):
        np.copyto(target, plane)
    if not np.isfinite(inside).all():
        # one sample that is not a number would otherwise spoil the whole picture
        np.nan_to_num(inside, copy=False, nan=0, posinf=1, neginf=0)
    image[:, :, :height, width:] = image[:, :, :height, width - 1 : width]
    image[:, :, height:] = image[:, :, height - 1 : height]
    return image


def edged(image: Array, size: tuple[int, int]) -> Array:
    """(1, C, H, W) with edges repeated to the right and below until it is of that width, height."""
    height, width = image.shape[2:]
    if (width, height) == size:
        return image
    return np.pad(image, ((0, 0), (0, 0), (0, size[1] - height), (0, size[0] - width)), "edge")


def write(image: Array, into: Planes) -> None:
    """Copy the planes of `image` (1, C, H, W), H and W at least theirs, into `into`."""
    for plane, target in zip(image[0], into, strict=True):
        np.copyto(target, plane[: target.shape[0], : target.shape[1]], casting="same_kind")


def fitted(cells: Array, size: tuple[int, int]) -> Array:
    """A map of motion (1, 1, rows, columns) with the cells of a picture of that width and height.

    Both begin in the left upper corner; it is cut, or its edge repeated.
    """
    columns, rows = (-(-side // CADENCE_CELL) for side in size)
    down = np.minimum(np.arange(rows), cells.shape[2] - 1)
    across = np.minimum(np.arange(columns), cells.shape[3] - 1)
    found: Array = cells[:, :, down][:, :, :, across]
    return found


def timesteps(
    timestep: float,
    before: NDArray[np.float32] | None,
    between: NDArray[np.float32],
    after: NDArray[np.float32] | None,
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """What `network.cadence.timesteps` gives, without PyTorch: (1, 1, H, W) for a size W, H."""
    beside = before if timestep < 0.5 else after
    near = min(timestep, 1 - timestep)
    between = fitted(between, size)
    other = between if beside is None else fitted(beside, size)
    part = np.float32(2 * near) * (other + _STILL) / (other + between + 2 * _STILL)
    whole = _enlarged(_enlarged(part, 2, size[1]), 3, size[0])
    return whole if timestep < 0.5 else 1 - whole


def _enlarged(image: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
    """Bilinear, half-pixel centres, edge repeated, along one axis."""
    count = image.shape[axis]
    at = np.clip((np.arange(length) + 0.5) * (count / length) - 0.5, 0, count - 1)
    low = at.astype(np.intp)
    high = np.minimum(low + 1, count - 1)
    shape = [1] * image.ndim
    shape[axis] = length
    weight = (at - low).astype(np.float32).reshape(shape)
    first, second = image.take(low, axis), image.take(high, axis)
    found: NDArray[np.float32] = first + weight * (second - first)
    return found
