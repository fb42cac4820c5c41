"""Half-transparent overlays that stand still over a ground that moves: where they are, how opaque,
and in which colour. Arithmetic over arrays.

A picture shows (1 - opacity) * ground + colour. What one frame hides, others show, so the ground is
put together along its motion, and each pixel over time tells its opacity and its colour: the slope
and the offset of the line through (ground, picture).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsrife.detection.ground import Image, Shift, sampled, total

Mask = NDArray[np.bool_]  # (H, W)

_STEP = np.float32(1 / 255)
_NOISE = np.square(2 * _STEP)  # mean square of grain and compression
_ROUNDS = 4  # each sees more ground, through what the one before took off
_SEEN = 3  # frames at least in which the ground under a pixel must be known
_CLEAR = np.float32(0.25)  # less ground than this shines through: it is no source of ground
_BETTER = 4  # times that an overlay explains a pixel better than bare ground
_FIT, _AROUND = 0.15, 0.1  # largest shares of the error that remain under an overlay, and beside it
_OPACITY = (0.08, 0.85)  # of an overlay, its median: less is nothing, more hides its ground
_LEAST = 24  # pixels of an overlay
_MIXED = np.float32(0.02)  # weight of ground from other frames against 1 of a pixel without overlay


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def inside(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True)
class Overlay:
    """opacity: (H, W), 0..1 in the box; colour: (H, W, C), what is added, opacity times its colour;
    grounds: the frames that were asked for without the overlay, (H, W, C)."""

    box: Box
    opacity: Image
    colour: Image
    grounds: Sequence[Image]


class _Canvas:
    """The ground under a box as all frames together show it.

    A place in it is one in the first frame from which places count.
    """

    def __init__(self, box: Box, places: Sequence[Shift]) -> None:
        self.box, self.places = box, places
        self.x, self.y = (int(np.floor(at - max(by))) - 2 for at, by in self._sides(box.x, box.y))
        right, bottom = (
            int(np.ceil(at - min(by))) + 3
            for at, by in self._sides(box.x + box.width, box.y + box.height)
        )
        self.width, self.height = right - self.x, bottom - self.y

    def _sides(self, x: int, y: int) -> tuple[tuple[int, list[float]], ...]:
        return (x, [place.x for place in self.places]), (y, [place.y for place in self.places])

    def shown(self, frame: Image, weight: Image, number: int) -> tuple[Image, Image]:
        """What frame `number` shows of the canvas, (H, W, C), and how far it counts, (H, W)."""
        place = self.places[number]
        x, y = self.x + place.x, self.y + place.y
        there = [
            (at + np.arange(count) >= 0) & (at + np.arange(count) <= side - 1)
            for at, count, side in zip(
                (y, x), (self.height, self.width), frame.shape[:2], strict=True
            )
        ]
        counts = sampled(weight, x, y, self.width, self.height) * np.outer(*there)
        return sampled(frame, x, y, self.width, self.height), np.maximum(counts, 0)

    def under_box(self, canvas: Image, number: int) -> Image:
        place = self.places[number]
        x, y = self.box.x - place.x - self.x, self.box.y - place.y - self.y
        return sampled(canvas, x, y, self.box.width, self.box.height)


@dataclass
class _Fit:
    """Per pixel of the box: opacity, colour, whether it counts as ground source; see `Overlay`."""

    opacity: Image
    colour: Image
    known: Mask

    def cleaned(self, frame: Image, box: Box) -> Image:
        clear = np.maximum(1 - self.opacity, _CLEAR)
        copy = frame.copy()
        copy[box.inside] = (frame[box.inside] - self.colour) / clear[..., None]
        return copy

    def weight(self, shape: tuple[int, ...], box: Box) -> Image:
        clear = 1 - self.opacity
        weight = np.ones(shape[:2], np.float32)
        weight[box.inside] = np.where(self.known & (clear > _CLEAR), np.square(clear), 0)
        return weight


def estimate(
    frames: Sequence[Image],
    places: Sequence[Shift],
    box: Box,
    suspect: Mask,
    wanted: Sequence[int],
) -> Overlay | None:
    """The overlay in `box`; None where nothing half-transparent is sure to be.

    frames: (H, W, C), finite, about 0..1, consecutive; of each, `region` is enough. places: of the
    ground in each of them, pixels; suspect: (H, W) of the box, what may be overlay; wanted: numbers
    of the frames whose grounds are needed.
    """
    canvas = _Canvas(box, places)
    colour = np.zeros((*suspect.shape, frames[0].shape[2]), np.float32)
    fit = _Fit(np.zeros(suspect.shape, np.float32), colour, ~suspect)
    pictures = [frame[box.inside] for frame in frames]
    for _ in range(_ROUNDS):
        seen = _seen_through(canvas, frames, fit)
        sums = _Sums.of(pictures, seen)
        fit, over = sums.fitted(suspect)
    if not _is_sure(sums, over, fit):
        return None
    grounds = [_ground(pictures[k], seen[k], fit) for k in wanted]
    return Overlay(box, fit.opacity, fit.colour, grounds)


def region(box: Box, places: Sequence[Shift], shape: tuple[int, int]) -> Box:
    """The part of a picture of `shape`, (H, W), through which the ground under the box goes."""
    far = [int(np.ceil(max(side) - min(side))) + 6 for side in zip(*places, strict=True)]
    left, top = max(0, box.x - far[0]), max(0, box.y - far[1])
    right = min(shape[1], box.x + box.width + far[0])
    bottom = min(shape[0], box.y + box.height + far[1])
    return Box(left, top, right - left, bottom - top)


def _seen_through(canvas: _Canvas, parts: Sequence[Image], fit: _Fit) -> list[tuple[Image, Image]]:
    """For each frame, the ground under the box as all other frames show it, and its weight, 0..1:
    a frame must not confirm itself."""
    weight = fit.weight(parts[0].shape, canvas.box)
    shown = [
        canvas.shown(fit.cleaned(part, canvas.box), weight, number)
        for number, part in enumerate(parts)
    ]
    weights = total([each for _, each in shown])
    values = total([each[..., None] * value for value, each in shown])
    seen = []
    for number, (value, own) in enumerate(shown):
        rest = np.maximum(weights - own, 0)
        ground = (values - own[..., None] * value) / np.maximum(rest, 1e-4)[..., None]
        enough = canvas.under_box((rest > 0.15).astype(np.float32), number) > 0.99
        counts = np.clip(canvas.under_box(rest, number), 0, 1)
        seen.append((canvas.under_box(ground, number), np.where(enough, counts, np.float32(0))))
    return seen


@dataclass(frozen=True)
class _Sums:
    """Over time, per pixel: how often the ground was known; means; mean squares of the picture's
    and the ground's deviations and their products, per colour; of picture less ground."""

    count: Image
    picture: Image
    ground: Image
    pictures: Image
    grounds: Image
    both: Image
    raw: Image

    @staticmethod
    def of(pictures: Sequence[Image], seen: Sequence[tuple[Image, Image]]) -> _Sums:
        weights = [weight[..., None] for _, weight in seen]
        count = total(weights)
        safe = np.maximum(count, np.float32(1e-6))

        def mean(values: Sequence[Image]) -> Image:
            products = [weight * value for weight, value in zip(weights, values, strict=True)]
            return np.divide(total(products), safe, dtype=np.float32)

        picture, ground = mean(pictures), mean([value for value, _ in seen])
        off = [each - picture for each in pictures]
        under = [value - ground for value, _ in seen]
        bare = [each - value for each, (value, _) in zip(pictures, seen, strict=True)]
        return _Sums(
            count[..., 0],
            picture,
            ground,
            mean([np.square(each) for each in off]),
            mean([np.square(each) for each in under]),
            mean([a * b for a, b in zip(off, under, strict=True)]),
            mean([np.square(each) for each in bare]).mean(2),
        )

    def fitted(self, suspect: Mask) -> tuple[_Fit, Mask]:
        """The overlay of each pixel, and where there is one."""
        enough = self.count >= _SEEN
        varies = np.where(enough, self.grounds.sum(2), 0)
        follows = np.where(enough, self.both.sum(2), 0)
        noise = _NOISE * self.picture.shape[2]
        # where the ground hardly changes, opacity is that of the pixels around
        usual = (_around(follows) + noise) / (_around(varies) + noise)
        slope = np.clip((follows + noise * usual) / (varies + noise), 0, 1)
        remains = self.remains(slope)
        better = _around(self.raw) > _BETTER * _around(remains) + _NOISE
        over = enough & better
        colour = self.picture - slope[..., None] * self.ground
        fit = _Fit(
            np.where(over, 1 - slope, 0).astype(np.float32),
            np.where(over[..., None], colour, 0).astype(np.float32),
            enough | ~suspect,
        )
        return fit, over

    def remains(self, slope: Image) -> Image:
        """Mean square error of a pixel with an overlay of opacity 1 - slope."""
        each = slope[..., None]
        left: Image = (self.pictures - 2 * each * self.both + each**2 * self.grounds).mean(2)
        return np.maximum(left, 0)


def _is_sure(sums: _Sums, over: Mask, fit: _Fit) -> bool:
    """Whether what was found is an overlay: it explains nearly all of the error where it is, and
    beside it the ground moves as it should."""
    if over.sum() < _LEAST:
        return False
    opacity = float(np.median(fit.opacity[over]))
    if not _OPACITY[0] <= opacity <= _OPACITY[1]:
        return False
    remains = sums.remains(1 - fit.opacity)
    if remains[over].mean() > _FIT * sums.raw[over].mean():
        return False
    beside = ~over & (sums.count >= _SEEN)
    if beside.sum() < _LEAST:
        return False
    varies = sums.grounds.mean(2)
    return bool(sums.raw[beside].mean() <= _AROUND * varies[beside].mean() + _NOISE)


def _ground(picture: Image, seen: tuple[Image, Image], fit: _Fit) -> Image:
    """`picture` without the overlay. Opaque pixels say little of their ground: other frames do."""
    clear = (1 - fit.opacity)[..., None]
    other, weight = seen
    mixed = _MIXED * weight[..., None] * (fit.opacity[..., None] > 0)
    own = np.square(clear)
    # own * (picture - colour) / clear, without a division by zero
    total = clear * (picture - fit.colour) + mixed * other
    ground = total / np.maximum(own + mixed, 1e-3)
    return np.where(fit.opacity[..., None] > 0, ground, picture).astype(np.float32)


def _around(values: Image) -> Image:
    """Means of 3 x 3 pixels; beyond the edge the edge repeats."""
    wide = np.pad(values, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    mean: Image = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    return mean
