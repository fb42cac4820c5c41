"""Real material for training, cut once into windows of five frames and kept in a cache folder.

A media folder may hold `kodak` or `photos` (PNG), `clips` (any video) and `lottie` (JSON).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vsrife.errors import ArgumentError, MediaError
from vsrife.training.media import (
    Pictures,
    decode_clip,
    draw_animation,
    read_photo,
    through_yuv420,
)

FRAMES = 5  # of a window
SIDE = 160  # pixels of a window
KINDS = ("animations", "clips")
LIMITS = {"animations": 3000, "clips": 1500}  # windows kept, 0.4 MB each
STILL = 0.5  # mean change of a window, in steps of 1/255, below which nothing moves
MOST = 6.0  # mean change per frame, above which more of it makes no window likelier
STILL_KEPT = 0.03  # share of such windows that is kept
JUMP = 0.7  # share of a window's change that may happen between two frames
SIDES = (256, 320, 400, 480)  # pixels of an animation's longer side


class Footage:
    """Windows in memory-mapped files; made by `prepare`."""

    def __init__(self, cache: Path) -> None:
        self.windows = {
            kind: np.load(cache / f"{kind}.npy", mmap_mode="r")
            for kind in KINDS
            if (cache / f"{kind}.npy").exists()
        }
        self.shares = {
            kind: torch.from_numpy(np.load(cache / f"{kind}-motion.npy")) for kind in self.windows
        }
        self.photos = [
            torch.from_numpy(np.load(path)) for path in sorted(cache.glob("photo-*.npy"))
        ]

    def has(self, kind: str) -> bool:
        return kind in self.windows

    def draw(self, generator: torch.Generator, kind: str, size: int) -> tuple[Tensor, float]:
        """Three frames (3, 3, size, size) in 0..1, left, between and right, and when between is.

        Windows with much motion come more often. Between is in the middle half of the time, else a
        quarter before or after it.
        """
        windows = self.windows[kind]
        index = int(torch.multinomial(self.shares[kind], 1, generator=generator))
        left, middle, right = _pick_frames(torch.rand(3, generator=generator).tolist())
        top, column = torch.randint(0, SIDE - size + 1, (2,), generator=generator).tolist()
        crop = windows[index, [left, middle, right], top : top + size, column : column + size]
        frames = torch.from_numpy(crop).permute(0, 3, 1, 2).float() / 255
        return frames, (middle - left) / (right - left)


def _pick_frames(drawn: list[float]) -> tuple[int, int, int]:
    """Left, between and right frame of a window, from three random numbers in 0..1."""
    if drawn[0] < 0.4:  # neighbours of neighbours
        left = int(drawn[1] * (FRAMES - 2))
        picked = (left, left + 1, left + 2)
    else:
        picked = (0, 1 + int(drawn[1] * 3), 4) if drawn[0] < 0.75 else (0, 2, 4)
    if drawn[2] < 0.5:
        return picked
    left, middle, right = picked
    return right, middle, left  # backwards


def prepare(media: Path, cache: Path, seed: int = 0) -> Footage:
    """Cut everything below `media` into `cache`, unless that is done already."""
    if not media.is_dir():
        raise ArgumentError(f"footage must be a folder of media, not {str(media)!r}")
    done = cache / "done.json"
    facts = {"media": str(media.resolve()), "seed": seed, "limits": LIMITS}
    if not done.exists() or json.loads(done.read_text()) != facts:
        cache.mkdir(parents=True, exist_ok=True)
        _cut_photos(media, cache)
        random = np.random.default_rng(seed)
        _write(cache, "clips", _clip_windows(media / "clips", random), random)
        _write(cache, "animations", _animation_windows(media / "lottie", random), random)
        done.write_text(json.dumps(facts))
    return Footage(cache)


def _cut_photos(media: Path, cache: Path) -> None:
    paths = [path for name in ("kodak", "photos") for path in sorted(media.glob(f"{name}/*.png"))]
    for i, path in enumerate(paths):
        np.save(cache / f"photo-{i:03}.npy", read_photo(path).transpose(2, 0, 1))


def _write(
    cache: Path, kind: str, windows: Iterator[Pictures], random: np.random.Generator
) -> None:
    """Keep a fair choice of at most LIMITS[kind] windows, in a file that appears when complete."""
    kept: list[Pictures] = []
    for i, window in enumerate(windows):
        if len(kept) < LIMITS[kind]:
            kept.append(window)
        elif (place := int(random.integers(0, i + 1))) < len(kept):
            kept[place] = window
    path = cache / f"{kind}.npy"
    if not kept:
        path.unlink(missing_ok=True)
        return
    part = path.with_suffix(".part.npy")
    changes = np.stack([np.abs(np.diff(w.astype(np.int16), axis=0)).mean() for w in kept])
    np.save(cache / f"{kind}-motion.npy", np.sqrt(0.05 + changes.clip(max=MOST)))
    np.save(part, np.stack(kept))
    os.replace(part, path)
    print(f"{len(kept)} windows of {kind}", file=sys.stderr)


def _clip_windows(folder: Path, random: np.random.Generator) -> Iterator[Pictures]:
    paths = sorted(path for path in folder.glob("*") if path.is_file())
    for path in paths:
        # half of all windows skip every other frame: larger motion
        recent: list[Pictures] = []
        for i, frame in enumerate(decode_clip(path)):
            recent = [*recent, frame][-2 * FRAMES + 1 :]
            if len(recent) == 2 * FRAMES - 1 and i % 4 == 0:
                step = int(random.integers(1, 3))
                frames = np.stack(recent[-step * (FRAMES - 1) - 1 :: step])
                yield from _moving_crops(frames, random, 2)


def _animation_windows(folder: Path, random: np.random.Generator) -> Iterator[Pictures]:
    for path in sorted(folder.glob("*.json")):
        side = int(random.choice(SIDES))
        red, green, blue = (int(value) for value in random.integers(0, 256, 3))
        step = int(random.integers(1, 4))
        try:
            frames = draw_animation(path, side, (red, green, blue), limit=300)
        except MediaError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        for start in range(0, len(frames) - step * (FRAMES - 1), max(4, len(frames) // 30)):
            window = frames[start : start + step * (FRAMES - 1) + 1 : step]
            crops = _moving_crops(window, random, 2)
            # most video that people have went through subsampled chroma
            yield from (_subsampled(crop) if random.random() < 0.6 else crop for crop in crops)


def _subsampled(window: Pictures) -> Pictures:
    return np.stack([through_yuv420(frame) for frame in window])


def _moving_crops(frames: Pictures, random: np.random.Generator, count: int) -> Iterator[Pictures]:
    """Up to `count` crops (FRAMES, SIDE, SIDE, 3) in which something moves, without a jump."""
    height, width = frames.shape[1:3]
    if min(height, width) < SIDE:
        grow = ((0, 0), (0, max(0, SIDE - height)), (0, max(0, SIDE - width)), (0, 0))
        frames = np.pad(frames, grow, mode="edge")
        height, width = frames.shape[1:3]
    for _ in range(count):
        top = int(random.integers(0, (height - SIDE) // 2 + 1)) * 2
        left = int(random.integers(0, (width - SIDE) // 2 + 1)) * 2
        crop = frames[:, top : top + SIDE, left : left + SIDE]
        steps = np.abs(np.diff(crop.astype(np.int16), axis=0)).mean((1, 2, 3))
        if steps.max() > JUMP * steps.sum() + 1e-6:
            continue
        if steps.sum() > STILL or random.random() < STILL_KEPT:
            yield np.ascontiguousarray(crop)
