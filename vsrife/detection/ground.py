"""How the ground of a picture moves from frame to frame: one shift, found over arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]  # (H, W), or (H, W, C) where a function says so; 0..1

_EXPLAINED = 0.75  # least share of the difference of two frames that their shift must explain
_FEW = np.float32((2 / 255) ** 2)  # mean square difference of frames that stand still: grain
_MOST = np.float32((32 / 255) ** 2)  # of one pixel: an overlay must not count for more
_LEAST = 16  # pixels that two shifted frames must have in common, each way
_ROUNDS, _STEPS = 2, 3  # of the search for a fraction of a pixel: new whole shift, new weights


class Shift(NamedTuple):
    """Pixels by which the ground lies further right and further down in the later frame."""

    x: float
    y: float


def reduced(image: Image, by: int) -> Image:
    """Means of `by` x `by` pixels; what remains at the right and at the bottom is left out."""
    height, width = (side // by for side in image.shape)
    blocks = image[: height * by, : width * by].reshape(height, by, width, by)
    mean: Image = blocks.mean((1, 3), dtype=np.float32)
    return mean


def shift_between(left: Image, right: Image) -> Shift | None:
    """The shift of the ground from `left` to `right`, (H, W); None if no one shift explains what
    differs: a cut, a zoom, several things that move, or hardly any texture."""
    differs = right - left
    if float(np.square(differs).mean()) <= _FEW:
        return Shift(0.0, 0.0)
    found = _with_fraction(left, right, *_whole_shift(left, right))
    if found is None:
        return None
    one, other = _common(left.shape, round(found.x), round(found.y))
    if min(left[one].shape) < _LEAST:
        return None
    height, width = left[one].shape
    moved = sampled(
        left, one[1].start - found.x + round(found.x), one[0].start - found.y + round(found.y),
        width, height,
    )  # fmt: skip
    remains = np.minimum(np.square(right[other] - moved), _MOST).mean()
    was = np.minimum(np.square(differs), _MOST).mean()
    return found if remains <= (1 - _EXPLAINED) * was + _FEW / 4 else None


def _whole_shift(left: Image, right: Image) -> tuple[int, int]:
    """By phase correlation, https://doi.org/10.1109/83.506761: x before y."""
    height, width = left.shape
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    first, second = (np.fft.rfft2((image - image.mean()) * window) for image in (left, right))
    cross = first.conj() * second
    strength = np.abs(cross)
    cross /= strength + 1e-3 * strength.mean() + 1e-12
    y, x = divmod(int(np.fft.irfft2(cross, (height, width)).argmax()), width)
    return x - width if x > width // 2 else x, y - height if y > height // 2 else y


def _common(shape: tuple[int, ...], x: int, y: int) -> tuple[tuple[slice, slice], ...]:
    """Rows and columns of the left and of the right frame that show the same ground."""
    height, width = shape[:2]

    def part(by: int, side: int) -> slice:
        return slice(min(max(0, by), side), max(0, min(side, side + by)))

    return (part(-y, height), part(-x, width)), (part(y, height), part(x, width))


def _with_fraction(left: Image, right: Image, x: float, y: float) -> Shift | None:
    """A shift to a hundredth of a pixel or so, by least squares with weights that leave out what
    does not move along."""
    half = np.float32(0.5)
    for _ in range(_ROUNDS):
        whole_x, whole_y = round(x), round(y)
        one, other = _common(left.shape, whole_x, whole_y)
        before, after = left[one], right[other]
        if min(before.shape) < _LEAST:
            return None
        middle = half * (before + after)
        across: Image = half * (middle[1:-1, 2:] - middle[1:-1, :-2])
        down: Image = half * (middle[2:, 1:-1] - middle[:-2, 1:-1])
        step = _step(across, down, (before - after)[1:-1, 1:-1])
        if step is None:
            return None
        x, y = whole_x + step[0], whole_y + step[1]
    return Shift(x, y)


def _step(across: Image, down: Image, differs: Image) -> tuple[float, float] | None:
    """The step along both slopes that explains `differs` best; at most one pixel each way."""
    x = y = 0.0
    for _ in range(_STEPS):
        off = differs - (across * np.float32(x) + down * np.float32(y))
        usual = max(1e-3, 1.5 * float(np.median(np.abs(off))))
        weight = 1 / np.square(1 + np.square(off / np.float32(usual)))
        xx, xy, yy = (
            float((weight * a * b).sum(dtype=np.float64))
            for a, b in ((across, across), (across, down), (down, down))
        )
        ahead, below = (float((weight * a * differs).sum(dtype=np.float64)) for a in (across, down))
        area = xx * yy - xy * xy
        if area <= 1e-6 * (xx + yy) ** 2 + 1e-12:  # all slopes point the same way
            return None
        x, y = (yy * ahead - xy * below) / area, (xx * below - xy * ahead) / area
    return min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0)


def sampled(image: Image, x: float, y: float, width: int, height: int) -> Image:
    """`width` x `height` pixels of `image`, (H, W) or (H, W, C), from the place (x, y) on, by
    Catmull-Rom's spline; beyond its edge the edge repeats."""
    left, top = int(np.floor(x)), int(np.floor(y))
    columns = np.clip(np.arange(left - 1, left + width + 2), 0, image.shape[1] - 1)
    rows = np.clip(np.arange(top - 1, top + height + 2), 0, image.shape[0] - 1)
    part: Image = image[np.ix_(rows, columns)]
    above, before = _taps(y - top), _taps(x - left)
    part = total([tap * part[k : k + height] for k, tap in enumerate(above) if tap])
    return total([tap * part[:, k : k + width] for k, tap in enumerate(before) if tap])


def total(values: Sequence[Image]) -> Image:
    """The sum of arrays of one shape, at least one."""
    return functools.reduce(np.add, values)


def _taps(part: float) -> Image:
    """Weights of the pixels at -1, 0, 1 and 2 for a place between 0 and 1."""
    square, cube = part * part, part**3
    return np.array(
        [
            (-part + 2 * square - cube) / 2,
            (2 - 5 * square + 3 * cube) / 2,
            (part + 4 * square - 3 * cube) / 2,
            (-square + cube) / 2,
        ],
        np.float32,
    )
