"""Footage for training, cut once into windows of frames and kept in a cache folder.

A media folder may hold `kodak` or `photos` (PNG), `clips` (any video), `lottie` (JSON) and public
data sets (datasets.py), whose pictures are read in place.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vsrife import messages
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.stills.pictures import (
    Pictures,
    decode_clip,
    draw_animation,
    read_photo,
    through_yuv420,
)
from vsrife.training.material.datasets import Dataset, find_datasets, find_videos
from vsrife.training.material.speeds import Values, changes, corner_near, drawn_cell, speeds
from vsrife.weights import write_whole
from vsrife.weights.folders import is_folder

KINDS = ("animations", "clips")
# Frames of a window: far ones from left to right teach large motion, and many timesteps
FRAMES = {"animations": 9, "clips": 17}
SIDE = 384  # pixels of a window: networks look far, and a crop's edge is no picture's
LIMITS = {"animations": 800, "clips": 450}  # windows kept, 3 GB of each kind
# Frames from left to right, equally likely: mostly neighbours with one between, as people ask for;
# drawn film 8 frames apart is hopeless for every network
SPANS = {"animations": (2, 2, 2, 2, 2, 4, 4, 8), "clips": (2, 2, 2, 2, 2, 4, 6, 8)}
MIDDLE = 0.65  # share of the samples at timestep 0.5
STATIC = 0.5  # mean change of a window, in steps of 1/255, below which nothing moves
STATIC_KEPT = 0.03  # share of such windows that is kept
JUMP = 0.7  # largest share of a window's change between two of its frames: more is a cut
SIDES = (384, 480, 640)  # pixels of an animation's longer side
# Frames from one of a window to the next; videos of 240 frames per second are taken as 60 to 30
STEPS, FAST_STEPS = (1, 1), (4, 8)
DONE = "done.json"
WAY = 2  # how footage is cut; a cache of another way is cut anew


class Footage:
    """Windows in memory-mapped files, made by `prepare`, and data sets; MediaError if damaged."""

    def __init__(self, cache: Path, datasets: Sequence[Dataset] = ()) -> None:
        try:
            self.windows = {
                kind: np.load(cache / f"{kind}.npy", mmap_mode="r")
                for kind in KINDS
                if (cache / f"{kind}.npy").exists()
            }
            self.speeds = {kind: np.load(cache / f"{kind}-speeds.npy") for kind in self.windows}
            self.shares = {
                kind: torch.from_numpy(speed.mean(1)) for kind, speed in self.speeds.items()
            }
            self.photos = [
                torch.from_numpy(np.load(path)) for path in sorted(cache.glob("photo-*.npy"))
            ]
        except (ValueError, EOFError, OSError) as error:
            raise MediaError(f"cut footage in {cache} is damaged; delete it: {error}") from error
        self.datasets = {kind: [d for d in datasets if d.kind == kind] for kind in KINDS}

    def has(self, kind: str) -> bool:
        return kind in self.windows or bool(self.datasets[kind])

    def draw(self, generator: torch.Generator, kind: str, size: int) -> tuple[Tensor, float]:
        """Left, middle and right frame (3, 3, size, size) in 0..1, and the timestep of middle.

        All windows together are drawn as often as one data set.
        """
        sources = [None] * (kind in self.windows) + self.datasets[kind]
        number = torch.randint(0, len(sources), (), generator=generator) if len(sources) > 1 else 0
        source = sources[int(number)]
        return source.draw(generator, size) if source else self._draw_window(generator, kind, size)

    def _draw_window(
        self, generator: torch.Generator, kind: str, size: int
    ) -> tuple[Tensor, float]:
        """The faster something moves, the more often; see SPANS and MIDDLE for timesteps."""
        windows = self.windows[kind]
        index = int(torch.multinomial(self.shares[kind], 1, generator=generator))
        numbers = torch.rand(5, generator=generator).tolist()
        left, middle, right = _pick_frames(numbers, kind, self.speeds[kind][index])
        top, column = torch.randint(0, SIDE - size + 1, (2,), generator=generator).tolist()
        crop = windows[index, [left, middle, right], top : top + size, column : column + size]
        frames = torch.from_numpy(crop).permute(0, 3, 1, 2).float() / 255
        return frames, (middle - left) / (right - left)


def _pick_frames(drawn: list[float], kind: str, speed: Values) -> tuple[int, int, int]:
    """Numbers of the left, middle and right frame in a window, by five random numbers in 0..1.

    speed: from each frame to the next.
    """
    span = SPANS[kind][int(drawn[0] * len(SPANS[kind]))]
    _, left = drawn_cell(np.convolve(speed, np.ones(span), "valid")[None], drawn[1])
    middle = left + (span // 2 if drawn[2] < MIDDLE else 1 + int(drawn[3] * (span - 1)))
    picked = left, middle, left + span
    return picked if drawn[4] < 0.5 else picked[::-1]  # backwards


def prepare(media: Path, cache: Path, seed: int = 0) -> Footage:
    """Cut everything in `media` into `cache`, unless that has been done.

    ArgumentError if `media` is not a folder or holds nothing to use; MediaError, with the path, if
    a file is damaged, or `cache` cannot be written.
    """
    if not is_folder(media):
        raise ArgumentError(f"footage must be a folder of media, not {str(media)!r}")
    datasets = find_datasets(media)
    facts = {"media": str(media.resolve()), "seed": seed, "limits": LIMITS, "way": WAY}
    if _done(cache) != facts:
        try:
            _cut(media, cache, seed, facts)
        except OSError as error:
            # numpy says of a full disk how many bytes it wrote, and nothing else
            reason = error.strerror or f"{error}; is the disk full?"
            raise MediaError(
                f"footage cannot be cut into {cache}: {reason}; make room there, or choose --cache"
            ) from error
    footage = Footage(cache, datasets)
    for dataset in datasets:
        messages.say(f"{dataset.name}: {len(dataset.folders)} folders")
    if not footage.photos and not any(map(footage.has, KINDS)):
        raise ArgumentError(
            f"footage {media} holds nothing to train on; it needs folders called kodak, photos, "
            "clips or lottie, or a data set (docs/guide/training.md)"
        )
    return footage


def _cut(media: Path, cache: Path, seed: int, facts: dict[str, Any]) -> None:
    """Cut everything in `media` into `cache`; facts: what is noted when that is done."""
    cache.mkdir(parents=True, exist_ok=True)
    (cache / DONE).unlink(missing_ok=True)
    _cut_photos(media, cache)
    random = np.random.default_rng(seed)
    _write(cache, "clips", _all_clip_windows(media, random), random)
    _write(cache, "animations", _animation_windows(media / "lottie", random), random)
    write_whole(cache / DONE, lambda part: part.write_text(json.dumps(facts)))


def _done(cache: Path) -> object:
    """What has been cut into `cache`; None if unknown."""
    try:
        return json.loads((cache / DONE).read_text())
    except (OSError, ValueError):
        return None


def _cut_photos(media: Path, cache: Path) -> None:
    for old in cache.glob("photo-*.npy"):
        old.unlink()
    paths = [path for name in ("kodak", "photos") for path in sorted(media.glob(f"{name}/*.png"))]
    for i, path in enumerate(paths):
        _save(cache / f"photo-{i:03}.npy", read_photo(path).transpose(2, 0, 1))


def _write(
    cache: Path, kind: str, windows: Iterator[Pictures], random: np.random.Generator
) -> None:
    """Write at most LIMITS[kind] windows into a file that appears whole.

    The faster a filmed window, the likelier it is kept (A-Res, Efraimidis and Spirakis 2006).
    """
    kept: list[tuple[float, int, Pictures, Values]] = []
    for i, window in enumerate(windows):
        speed = speeds(changes(window))
        weight = float(speed.mean()) if kind == "clips" else 1.0
        place = random.random() ** (1 / weight), i, window, speed
        if len(kept) < LIMITS[kind]:
            heapq.heappush(kept, place)
        else:
            heapq.heappushpop(kept, place)
    path = cache / f"{kind}.npy"
    if not kept:
        path.unlink(missing_ok=True)
        return
    _save(cache / f"{kind}-speeds.npy", np.stack([speed for *_, speed in kept]))
    _save(path, np.stack([window for _, _, window, _ in kept]))
    messages.say(f"{len(kept)} windows of {kind}")


def _save(path: Path, values: npt.NDArray[Any]) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:  # by its path, np.save would give it another name
            np.save(file, values)

    write_whole(path, write)


def _all_clip_windows(media: Path, random: np.random.Generator) -> Iterator[Pictures]:
    clips = sorted(path for path in (media / "clips").glob("*") if path.is_file())
    for path in clips:
        yield from _clip_windows(path, random, STEPS)
    for path in find_videos(media):
        yield from _clip_windows(path, random, FAST_STEPS)


def _clip_windows(
    path: Path, random: np.random.Generator, steps: tuple[int, int]
) -> Iterator[Pictures]:
    """Windows that begin at every fourth frame; their frames are one of two `steps` apart."""
    gaps = FRAMES["clips"] - 1
    long = max(steps) * gaps + 1
    recent: list[Pictures] = []
    count = 0
    for i, frame in enumerate(decode_clip(path)):
        count += 1
        recent = [*recent, frame][-long:]
        if len(recent) == long and i % 4 == 0:
            step = int(random.choice(steps))
            frames = np.stack(recent[-step * gaps - 1 :: step])
            yield from _moving_crops(frames, random, 2)
    if count < long:
        messages.note(f"skipped: {path} has {messages.counted(count, 'frame')}, fewer than {long}")


def _animation_windows(folder: Path, random: np.random.Generator) -> Iterator[Pictures]:
    gaps = FRAMES["animations"] - 1
    for path in sorted(folder.glob("*.json")):
        side = int(random.choice(SIDES))
        red, green, blue = (int(value) for value in random.integers(0, 256, 3))
        step = int(random.integers(1, 4))
        try:
            frames = draw_animation(path, side, (red, green, blue), limit=300)
        except MediaError as error:
            messages.note(f"skipped: {error}")
            continue
        for start in range(0, len(frames) - step * gaps, max(4, len(frames) // 30)):
            window = frames[start : start + step * gaps + 1 : step]
            crops = _moving_crops(window, random, 2)
            # most video has had subsampled chroma
            yield from (_subsampled(crop) if random.random() < 0.6 else crop for crop in crops)


def _subsampled(window: Pictures) -> Pictures:
    return np.stack([through_yuv420(frame) for frame in window])


def _moving_crops(frames: Pictures, random: np.random.Generator, count: int) -> Iterator[Pictures]:
    """Up to `count` crops (frames, SIDE, SIDE, 3) in which something moves and nothing jumps.

    Every second one is where much changes, the others anywhere.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < SIDE:
        grow = ((0, 0), (0, max(0, SIDE - height)), (0, max(0, SIDE - width)), (0, 0))
        frames = np.pad(frames, grow, mode="edge")
        height, width = frames.shape[1:3]
    room = height - SIDE, width - SIDE
    weights = changes(frames).mean(0) + 1e-6
    for i in range(count):
        numbers = random.random(3).tolist()
        if i % 2:
            cell = drawn_cell(weights, numbers[2])
            top, left = corner_near(cell, SIDE, room, (numbers[0], numbers[1]))
        else:
            top, left = (
                int(number * (most + 1)) for number, most in zip(numbers, room, strict=False)
            )
        top, left = top // 2 * 2, left // 2 * 2  # as chroma
        crop = frames[:, top : top + SIDE, left : left + SIDE]
        steps = np.abs(np.diff(crop.astype(np.int16), axis=0)).mean((1, 2, 3))
        if steps.max() > JUMP * steps.sum() + 1e-6:
            continue
        if steps.sum() > STATIC or random.random() < STATIC_KEPT:
            yield np.ascontiguousarray(crop)
