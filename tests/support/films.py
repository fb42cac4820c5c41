"""Short films with known cuts and known duplicates, drawn from a seed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from tests.support.clips import Picture, clip_of

WIDTH, HEIGHT = 128, 72
Canvas = NDArray[np.float64]  # (3, height, width), 0..1


@dataclass
class Film:
    """pictures: frames; cuts: k where a cut lies between k and k + 1; duplicates: frames that
    repeat their predecessor."""

    pictures: list[Picture]
    cuts: set[int] = field(default_factory=set)
    duplicates: set[int] = field(default_factory=set)

    def clip(self, fmt: vs.PresetVideoFormat = vs.RGBS) -> vs.VideoNode:
        return clip_of(lambda n: self.pictures[n], len(self.pictures), fmt=fmt)


def scenery(seed: int, *, level: float = 0.5, contrast: float = 0.25, size: int = 400) -> Canvas:
    """A wide picture of overlapping discs: mean `level`, standard deviation `contrast`."""
    return np.clip(level + contrast * _discs(seed, size), 0, 1)


@functools.cache  # many films show the same few
def _discs(seed: int, size: int) -> Canvas:
    """Mean 0, standard deviation 1."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((3, HEIGHT, size))
    for k in range(240):
        cx, cy = rng.uniform(0, size), rng.uniform(0, HEIGHT)
        rx, ry = rng.uniform(1, 1 + 2400 / (k + 60)), rng.uniform(1, 1 + 1400 / (k + 60))
        colour = rng.normal(0, 1, 3) + rng.normal(0, 0.6)
        for row in range(max(0, ceil(cy - ry)), min(HEIGHT, ceil(cy + ry))):
            half = rx * sqrt(1 - min(1, ((row - cy) / ry) ** 2))
            picture[:, row, max(0, ceil(cx - half)) : max(0, ceil(cx + half))] = colour[:, None]
    return (picture - picture.mean()) / picture.std()


def pan(canvas: Canvas, length: int, speed: float = 0, start: float = 0) -> list[Picture]:
    """A window moving over `canvas` by `speed` pixels per frame, to a sixteenth of a pixel."""
    pictures = []
    for n in range(length):
        at = start + speed * n
        whole, part = int(at), at - int(at)
        left = canvas[:, :, whole : whole + WIDTH]
        right = canvas[:, :, whole + 1 : whole + 1 + WIDTH]
        pictures.append((1 - part) * left + part * right)
    return pictures


def noisy(pictures: list[Picture], sigma: float, seed: int = 0) -> list[Picture]:
    """The pictures with grain of `sigma` 8-bit steps, rounded to 8 bits."""
    rng = np.random.default_rng(seed)
    return [
        np.clip(np.round(p * 255 + rng.normal(0, sigma, p.shape)), 0, 255) / 255 for p in pictures
    ]


def joined(*shots: list[Picture]) -> Film:
    """The shots one after another, with a cut between any two."""
    ends = np.cumsum([len(shot) for shot in shots])
    return Film([p for shot in shots for p in shot], {int(end) - 1 for end in ends[:-1]})


def _mixed(seed: int, speed: float, grain: float = 1.0, **look: float) -> Film:
    shots = [
        noisy(pan(scenery(seed + k, **look), 9, speed * (0.5 + k % 3 / 2)), grain, seed + k)
        for k in range(8)
    ]
    return joined(*shots)


def _flashes(seed: int, length: int) -> Film:
    """One shot with flashes of `length` frames, the last two thirds of each fading out."""
    pictures = pan(scenery(seed), 48, 1)
    for start in range(8, 40, 10):
        for k in range(length):
            strength = 0.9 * (1 - k / length)
            pictures[start + k] = pictures[start + k] * (1 - strength) + strength
    return Film(noisy(pictures, 1, seed))


def _fades(seed: int, length: int) -> Film:
    """Two shots, each fading in from black and out to it in `length` frames; no cut."""
    pictures = []
    for k in range(2):
        shot = pan(scenery(seed + k), 2 * length + 10, 0.5)
        for n in range(len(shot)):
            shot[n] = shot[n] * min(1, n / length, (len(shot) - 1 - n) / length)
        pictures += shot
    return Film(noisy(pictures, 0.5, seed))


def _dissolve(seed: int, length: int) -> Film:
    """One shot melting into another over `length` frames; no cut."""
    first, second = (pan(scenery(seed + k), 20 + length, 0.5) for k in range(2))
    weights = np.clip((np.arange(20 + length) - 10) / length, 0, 1)
    return Film([(1 - w) * a + w * b for w, a, b in zip(weights, first, second, strict=True)])


def _black_opening(seed: int, level: float) -> Film:
    black = [np.zeros((3, HEIGHT, WIDTH))] * 8
    shot = pan(scenery(seed, level=level, contrast=level / 2), 20, 1)
    film = joined(black, shot, black)
    return Film(noisy(film.pictures, 1, seed), film.cuts)


def _inserts(seed: int) -> Film:
    """One shot with single frames of other, brighter scenes in it; both of their sides are cuts."""
    pictures = pan(scenery(seed, level=0.3), 40, 1)
    places = range(8, 38, 10)
    for k in places:
        pictures[k] = scenery(seed + k, level=0.7)[:, :, :WIDTH]
    return Film(noisy(pictures, 1, seed), {k - side for k in places for side in (0, 1)})


SCENE_FILMS: dict[str, Callable[[int], Film]] = {
    "cuts, bright to dark": lambda s: joined(
        *(noisy(pan(scenery(s + k, level=0.25 + 0.5 * (k % 2)), 9, 1), 1, s) for k in range(8))
    ),
    "cuts, same brightness": lambda s: _mixed(s, 1, contrast=0.2),
    "cuts, low contrast": lambda s: _mixed(s, 1, contrast=0.07),
    "cuts, dark scenes": lambda s: _mixed(s, 1, level=0.08, contrast=0.04),
    "cuts, grain": lambda s: _mixed(s, 1, grain=6),
    "cuts, short shots": lambda s: joined(
        *(noisy(pan(scenery(s + k), 3, 2), 1, s) for k in range(12))
    ),
    "cuts, fast pans": lambda s: _mixed(s, 6),
    "one fast pan": lambda s: Film(noisy(pan(scenery(s, contrast=0.3), 26, 10), 1, s)),
    "flashes of 1 frame": lambda s: _flashes(s, 1),
    "flashes of 2 frames": lambda s: _flashes(s, 2),
    "flashes of 5 frames": lambda s: _flashes(s, 5),
    "fast fades": lambda s: _fades(s, 4),
    "slow fades": lambda s: _fades(s, 24),
    "dissolve": lambda s: _dissolve(s, 12),
    "black, then picture": lambda s: _black_opening(s, 0.4),
    "black, then night": lambda s: _black_opening(s, 0.1),
    "inserts of 1 frame": _inserts,
}


def _held(seed: int, runs: list[int], grain: float, draw: Callable[[int], Picture]) -> Film:
    """Drawing k shown for `runs[k]` frames, with grain of its own on every frame."""
    pictures, duplicates = [], set()
    for k, run in enumerate(runs):
        duplicates |= set(range(len(pictures) + 1, len(pictures) + run))
        pictures += [draw(k)] * run
    return Film(noisy(pictures, grain, seed), set(), duplicates)


def figure(seed: int, time: float) -> Picture:
    """A ball and a block that move by known amounts over a still background."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = scenery(seed)[:, :, 20 : 20 + WIDTH].copy()
    ball = (x - 20 - 3 * time) ** 2 + (y - 30) ** 2 < 120
    block = (abs(x - 90 + 2 * time) < 8) & (abs(y - 52) < 9)
    picture[:, ball] = np.array([0.9, 0.3, 0.2])[:, None]
    picture[:, block] = np.array([0.1, 0.4, 0.9])[:, None]
    return picture


def _mouth(seed: int, k: int) -> Picture:
    """A still face but for 6 x 3 pixels, open or shut."""
    picture = scenery(seed)[:, :, :WIDTH].copy()
    picture[:, 40:43, 60:66] = 0.9 if k % 2 else 0.6
    return picture


def _fog(seed: int, k: int) -> Picture:
    """Everything grows lighter by one part in a hundred of the way to white."""
    return scenery(seed)[:, :, :WIDTH] * 0.99**k + (1 - 0.99**k)


DUPLICATE_FILMS: dict[str, Callable[[int], Film]] = {
    "on twos": lambda s: _held(s, [2] * 12, 1, lambda k: figure(s, 2 * k)),
    "on threes, grain": lambda s: _held(s, [3] * 8, 3, lambda k: figure(s, 3 * k)),
    "3:2:3:2": lambda s: _held(s, [3, 2] * 5, 1, lambda k: figure(s, 2.5 * k)),
    "mixed": lambda s: _held(s, [1, 1, 2, 3, 1, 4, 2, 1, 1, 3], 1, lambda k: figure(s, 2 * k)),
    "small mouth": lambda s: _held(s, [1] * 20, 1, lambda k: _mouth(s, k)),
    "fog": lambda s: _held(s, [1] * 20, 1, lambda k: _fog(s, k)),
    "slow fade": lambda s: _held(
        s, [1] * 40, 0.5, lambda k: scenery(s)[:, :, :WIDTH] * (1 - k / 96)
    ),
    "slow pan": lambda s: Film(noisy(pan(scenery(s), 20, 0.5), 1, s)),
}
