"""Where footage moves fast: in most of it nothing does, and what is fast is learnt last.

Change between neighbouring frames stands for speed. On clips of hands before a still ground, the
two correlate by 0.89 (by frames) and 0.80 (by cells).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vsrife.media.stills.pictures import Pictures

CELL = 16  # pixels of a cell each way
TOP = 0.1  # share of the cells, those that change most, that speed is the mean of
LEAST, MOST = 0.004, 0.2  # speeds that are told apart: below is noise, above moves fast enough

type Values = npt.NDArray[np.float32]


def changes(frames: Pictures) -> Values:
    """Mean change from each frame (T, H, W, 3) to the next, by cells: (T - 1, rows, columns), 0..1.

    Rows and columns that are no whole cell are left out.
    """
    rows, columns = frames.shape[1] // CELL, frames.shape[2] // CELL
    whole = frames[:, : rows * CELL, : columns * CELL]
    found = np.empty((len(frames) - 1, rows, columns), np.float32)
    for i, (one, other) in enumerate(pairwise(whole)):
        # of unsigned numbers: the larger minus the smaller
        change = np.maximum(one, other) - np.minimum(one, other)
        cells = change.reshape(rows, CELL, columns, 3 * CELL)
        found[i] = cells.mean((1, 3), dtype=np.float32) / 255
    return found


def speeds(change: Values) -> Values:
    """How fast what is fastest moves from each frame to the next: (T - 1), LEAST to MOST."""
    flat = np.sort(change.reshape(len(change), -1), axis=1)
    top = flat[:, -max(1, int(TOP * flat.shape[1])) :].mean(1)
    return top.clip(LEAST, MOST).astype(np.float32)


def corner_near(
    place: tuple[int, int], size: int, room: tuple[int, int], shift: tuple[float, float]
) -> tuple[int, int]:
    """Top and left of a crop of size x size pixels that has a cell in it, not at its edge.

    place: row and column of the cell; room: largest top and left; shift: 0..1, where in the crop
    the cell is, from 0.2 to 0.8 of its size.
    """
    corners = (
        int(CELL * (cell + 0.5) - size * (0.2 + 0.6 * part))
        for cell, part in zip(place, shift, strict=True)
    )
    top, left = (min(max(0, corner), most) for corner, most in zip(corners, room, strict=True))
    return top, left


def drawn_cell(weights: npt.NDArray[Any], number: float) -> tuple[int, int]:
    """Row and column of a cell, drawn by weights (rows, columns) with a number in 0..1."""
    total = np.cumsum(weights.ravel(), dtype=np.float64)
    index = min(int(np.searchsorted(total, number * total[-1], side="right")), total.size - 1)
    row, column = divmod(index, weights.shape[1])
    return row, column
