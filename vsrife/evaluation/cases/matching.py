"""Where the contents of a picture lie, in a scene that can be drawn at any displacement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]  # (H, W)
BLOCK = 32  # pixels: the sides of the blocks whose places are told
NEAR = 2.0  # pixels: a block is right if it lies no farther from its place
_DISTINCT = 4e-4  # mean squared difference: a block that looks more alike elsewhere tells no place


def grey(picture: npt.NDArray[np.floating]) -> Grey:
    """(H, W) of (H, W, 3)."""
    return picture.mean(-1, dtype=np.float32)


def block_errors(
    picture: Grey, draw: Callable[[float], Grey], shifts: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Mean squared difference (S, Y, X) of each block from the scene displaced by each shift."""
    return np.stack([_blocks((picture - draw(shift)) ** 2) for shift in shifts])


def distinct(own: npt.NDArray[np.float32], shifts: Sequence[float], true: float) -> _Mask:
    """Blocks (Y, X) that tell their place: `own`, the errors of the true picture, are high wherever
    a shift is wrong."""
    wrong = [abs(shift - true) > NEAR for shift in shifts]
    found: _Mask = own[wrong].min(0) > _DISTINCT
    return found


def share_near(
    errors: npt.NDArray[np.float32],
    shifts: Sequence[float],
    true: float,
    *,
    counted: _Mask | None = None,
    most: npt.NDArray[np.float32] | None = None,
) -> float:
    """The share, 0..1, of the counted blocks (None: all) that lie within NEAR of the true shift.

    most (Y, X): the error from which on a block is not right wherever it lies.
    """
    found = np.asarray(shifts)[errors.argmin(0)]
    right = np.abs(found - true) <= NEAR
    if most is not None:
        right &= errors.min(0) < most
    return float((right if counted is None else right[counted]).mean())


def place_of(picture: Grey, draw: Callable[[float], Grey], shifts: Sequence[float]) -> float:
    """The shift, in even steps, at which the whole picture matches best, to parts of a step: the
    lowest point of the parabola through the best error and its neighbours."""
    errors = [float(np.mean((picture - draw(shift)) ** 2)) for shift in shifts]
    best = min(range(1, len(shifts) - 1), key=errors.__getitem__)
    before, at, after = errors[best - 1 : best + 2]
    bend = before - 2 * at + after
    part = (before - after) / (2 * bend) if bend > 0 else 0.0
    return shifts[best] + min(max(part, -1.0), 1.0) * (shifts[1] - shifts[0])


_Mask = npt.NDArray[np.bool_]


def _blocks(squares: Grey) -> Grey:
    """The means of whole blocks; what is left at the right and at the bottom is not used."""
    rows, columns = (side // BLOCK for side in squares.shape)
    cut = squares[: rows * BLOCK, : columns * BLOCK]
    means: Grey = cut.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3))
    return means
