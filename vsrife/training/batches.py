"""Batches of generated scenes and footage, mixed and augmented."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.training.drawn_scenes import Batch, Scenes
from vsrife.training.footage import SIDE, Footage

# Width and height of a batch's pictures, equally likely. Large ones teach motion beyond a small
# picture; footage is too small for the largest. Networks need multiples of 32
SIZES = (96, 96, 128, 160, 160, 224)
FIRST_SIZES = (64, 64, 96)  # early in training, many small pictures teach more
# Until the share EARLY of the run, the speed factor rises from SLOW to 1: slow motion is easier
EARLY, SLOW = 0.2, 0.5
# Mean and maximum change in 9x9 pixels of footage, 0..1, below which the change is noise
STATIC_MEAN, STATIC_PEAK = 2 / 255, 10 / 255
ANIMATIONS, CLIPS = 0.25, 0.3  # shares of the samples; all others are generated


class Mixer:
    """Draws batches. batch: size of each, in pictures of 96x96."""

    def __init__(self, scenes: Scenes, footage: Footage | None, batch: int) -> None:
        self.scenes, self.footage, self.area = scenes, footage, batch * 96 * 96

    def draw(self, generator: torch.Generator, progress: float = 1.0) -> Batch:
        """A batch for the point `progress` of the run, 0..1."""
        sizes = FIRST_SIZES if progress < EARLY else SIZES
        size = sizes[int(torch.randint(0, len(sizes), (), generator=generator))]
        speed_factor = SLOW + (1 - SLOW) * min(1.0, progress / EARLY)
        count = max(1, round(self.area / size**2))
        kinds = torch.rand(count, generator=generator)
        parts = []
        filmed = 0
        footage = self.footage if size <= SIDE else None
        for name, low, high in (
            ("animations", 0.0, ANIMATIONS),
            ("clips", ANIMATIONS, ANIMATIONS + CLIPS),
        ):
            wanted = int(((kinds >= low) & (kinds < high)).sum())
            if footage is not None and wanted and footage.has(name):
                parts.append(self._film(footage, generator, name, wanted, size))
                filmed += wanted
        if filmed < count:
            generated = self.scenes.draw(generator, count - filmed, size, speed_factor=speed_factor)
            parts.append(generated)
        return Batch(*(torch.cat(values) for values in zip(*map(_fields, parts), strict=True)))

    def _film(
        self, footage: Footage, generator: torch.Generator, name: str, count: int, size: int
    ) -> Batch:
        samples = [footage.draw(generator, name, size) for _ in range(count)]
        frames = torch.stack([augment(generator, frames) for frames, _ in samples], 1)
        frames = frames.to(self.scenes.device)
        timestep = torch.tensor([t for _, t in samples], device=frames.device).view(-1, 1, 1, 1)
        img0, truth, img1 = frames
        nothing = frames.new_zeros(count, 4, size, size)
        # not in animations: there the flat inside of a moving shape looks static
        static = static_points(frames) if name == "clips" else nothing[:, :1]
        static = static.expand(-1, 2, -1, -1)
        return Batch(img0, img1, truth, timestep, nothing, static)


def static_points(frames: Tensor) -> Tensor:
    """1 where footage (3, N, 3, H, W), 0..1, is static, else 0: (N, 1, H, W).

    Only there the flow of footage is known: 0. Untrained for the noise of real video, a network
    errs by a tenth of a pixel, which blurs everything static.
    """
    change = (frames[1:] - frames[:1]).abs().mean(2).amax(0)[:, None]
    around = F.avg_pool2d(change, 9, 1, 4), F.max_pool2d(change, 9, 1, 4)
    return ((around[0] < STATIC_MEAN) & (around[1] < STATIC_PEAK)).float()


def augment(generator: torch.Generator, frames: Tensor) -> Tensor:
    """Frames (3, 3, S, S), times x channels, 0..1; all flipped, rotated and recoloured alike."""
    flip, turn, shuffle, dim = torch.rand(4, generator=generator).tolist()
    if flip < 0.5:
        frames = frames.flip(3)
    frames = frames.rot90(int(turn * 4), (2, 3))
    if shuffle < 0.5:
        frames = frames[:, torch.randperm(3, generator=generator)]
    if dim < 0.5:
        gain = 0.7 + 0.5 * torch.rand((3, 1, 1), generator=generator)
        offset = 0.2 * torch.rand((3, 1, 1), generator=generator) - 0.1
        frames = (frames * gain + offset).clamp(0, 1)
    return frames


def _fields(batch: Batch) -> tuple[Tensor, ...]:
    return (batch.img0, batch.img1, batch.truth, batch.timestep, batch.flow, batch.visible)


class Ahead:
    """Draws the next batch in a second thread while the current one is used.

    state: generator state and progress from which the next batch is drawn, for checkpoints.
    """

    def __init__(self, mixer: Mixer, generator: torch.Generator) -> None:
        self._mixer, self._generator = mixer, generator
        # one thread: the order of batches must not depend on timing
        self._pool = ThreadPoolExecutor(1)
        self._start(0.0)

    def take(self, progress: float) -> Batch:
        """The next batch. progress: of the run, 0..1, for the batch after it."""
        batch = self._next.result()
        self._start(progress)
        return batch

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from an earlier `state`."""
        self._next.result()
        self._generator.set_state(state["generator"].cpu())
        self._start(state["progress"])

    def _start(self, progress: float) -> None:
        self.state = {"generator": self._generator.get_state(), "progress": progress}
        self._next = self._pool.submit(self._mixer.draw, self._generator, progress)
