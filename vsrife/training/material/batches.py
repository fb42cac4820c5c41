"""Batches of generated scenes and footage, mixed and augmented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.training.material.drawn_scenes import Batch, Scenes, joined, points, within
from vsrife.training.material.footage import SIDE, Footage
from vsrife.training.material.pans import draw_pans
from vsrife.training.material.repeated import draw_repeated
from vsrife.training.material.speeds import CELL, corner_near, drawn_cell
from vsrife.training.teacher import Teacher

# Factor of the speed of generated scenes: it is drawn anew for each batch, mostly small
SLOWEST, FASTEST = 0.4, 1.2
# Mean and maximum change in 9x9 pixels of footage, 0..1, below which the change is noise
STATIC_MEAN, STATIC_PEAK = 2 / 255, 10 / 255
ANIMATIONS, CLIPS = 0.3, 0.4  # shares of the samples; all others are generated
# Shares of the batches that are repeated patterns and far pans, in pictures of LARGER times the
# size: in small ones where bars end tells the way, and half of a far pan leaves the picture
REPEATED, PANNED, LARGER = 0.15, 0.08, 2

# Mean error of 5x5 pixels, 0..1, below which what the teacher's flow finds counts as right; and the
# share of the error of standing still below which it does, too. No flow makes the truth of blurred
# hands: without this, two thirds of what moves by more than 16 pixels had the picture alone
RIGHT, BETTER = 0.025, 0.5
CROPS = 2  # of a window that the teacher has seen: anywhere, and where much moves
# Pixels of motion from left to right beyond which a place is not chosen more often for a crop, and
# the weight of one that stands still relative to it
FAST, STILL = 24.0, 0.01


class Mixer:
    """Draws batches of `count` pictures of size x size pixels, a multiple of 32; some, with as many
    pixels, of fewer and larger ones.

    teacher: gives the flow of footage; None: footage has known flow only where it is static.
    """

    def __init__(
        self,
        scenes: Scenes,
        footage: Footage | None,
        count: int,
        size: int,
        teacher: Teacher | None = None,
    ) -> None:
        self.scenes, self.footage, self.teacher = scenes, footage, teacher
        self.count, self.size = count, size

    def draw(self, generator: torch.Generator) -> Batch:
        kind = float(torch.rand((), generator=generator))
        photos = self.footage.photos if self.footage else ()
        if kind < REPEATED:
            return self._larger(generator, draw_repeated, photos)
        if photos and kind < REPEATED + PANNED:
            return self._larger(generator, draw_pans, photos)
        kinds = torch.rand(self.count, generator=generator)
        fast = float(torch.rand((), generator=generator)) ** 2
        parts, filmed = [], 0
        footage = self.footage if self.size <= SIDE else None
        for name, low, high in (
            ("animations", 0.0, ANIMATIONS),
            ("clips", ANIMATIONS, ANIMATIONS + CLIPS),
        ):
            wanted = int(((kinds >= low) & (kinds < high)).sum())
            if footage is not None and wanted and footage.has(name):
                parts.append(self._film(footage, generator, name, wanted))
                filmed += wanted
        if filmed < self.count:
            speed = SLOWEST + (FASTEST - SLOWEST) * fast
            drawn = self.scenes.draw(generator, self.count - filmed, self.size, speed_factor=speed)
            parts.append(drawn)
        return joined(map(_fields, parts))

    def _larger(
        self,
        generator: torch.Generator,
        draw: Callable[[torch.Generator, int, int, Sequence[Tensor]], Batch],
        photos: Sequence[Tensor],
    ) -> Batch:
        """As many pixels as any batch, in pictures of LARGER times the size."""
        batch = draw(generator, max(1, self.count // LARGER**2), LARGER * self.size, photos)
        return Batch(*(x.to(self.scenes.device) for x in _fields(batch)))

    def _film(self, footage: Footage, generator: torch.Generator, name: str, count: int) -> Batch:
        # the teacher sees whole windows: what leaves a crop moves as it does beyond its edge
        side, each = (self.size, 1) if self.teacher is None else (SIDE, CROPS)
        samples = [footage.draw(generator, name, side) for _ in range(-(-count // each))]
        frames = torch.stack([augment(generator, frames) for frames, _ in samples], 1)
        frames = frames.to(self.scenes.device)
        timestep = torch.tensor([t for _, t in samples], device=frames.device).view(-1, 1, 1, 1)
        img0, truth, img1 = frames
        if self.teacher is not None:
            flow = self.teacher(img0, img1, timestep)
            seen = believed(img0, img1, truth, flow)
            windows = Batch(img0, img1, truth, timestep, flow, seen)
            return _crops(generator, windows, count, self.size)
        nothing = frames.new_zeros(count, 4, self.size, self.size)
        # not in animations: there the flat inside of a moving shape looks static
        static = static_points(frames) if name == "clips" else nothing[:, :1]
        static = static.expand(-1, 2, -1, -1)
        return Batch(img0, img1, truth, timestep, nothing, static)


def _crops(generator: torch.Generator, windows: Batch, count: int, size: int) -> Batch:
    """CROPS crops of size x size pixels of each window, `count` in all; the second ones where
    something moves."""
    room = windows.truth.shape[2] - size
    numbers = torch.rand((count, 3), generator=generator).tolist()
    motion = windows.flow[:, 2:] - windows.flow[:, :2]
    fast = (motion.square().sum(1, keepdim=True).sqrt() / FAST).clamp(max=1)
    cells = F.avg_pool2d(fast, CELL)[:, 0].cpu().numpy() + STILL
    places = []
    for i, (down, across, number) in enumerate(numbers):
        window = i // CROPS
        top, left = int(down * (room + 1)), int(across * (room + 1))
        if i % CROPS:
            cell = drawn_cell(cells[window], number)
            top, left = corner_near(cell, size, (room, room), (down, across))
        places.append((window, top, left))

    def cut(x: Tensor) -> Tensor:
        parts = [x[i, :, top : top + size, left : left + size] for i, top, left in places]
        return torch.stack(parts)

    img0, img1, truth, flow, visible = (
        cut(x) for x in (windows.img0, windows.img1, windows.truth, windows.flow, windows.visible)
    )
    timestep = torch.stack([windows.timestep[i] for i, _, _ in places])
    point = points(flow) + flow.view(count, 2, 2, size, size).transpose(0, 1)
    inside = within(point, size, 2).transpose(0, 1)
    return Batch(img0, img1, truth, timestep, flow, visible * inside)


def believed(img0: Tensor, img1: Tensor, truth: Tensor, flow: Tensor) -> Tensor:
    """1 where an image (N, 3, H, W), warped by the flow (N, 4, H, W), is the truth: (N, 2, H, W).

    So the better of truth and teacher counts, point by point: where its flow is wrong, the picture
    alone teaches. Near the truth is near enough where standing still is far from it, see BETTER.
    """
    ops = TorchOperations((truth.shape[3], truth.shape[2]))
    warped = ops.unstack(ops.warp(ops.stack(img0, img1), flow))
    moved, still = (_local_errors(sides, truth) for sides in (warped, (img0, img1)))
    return ((moved < RIGHT) | (moved < BETTER * still)).float()


def _local_errors(sides: Iterable[Tensor], truth: Tensor) -> Tensor:
    """Mean error in 5x5 pixels of both sides against the truth: (N, 2, H, W)."""
    errors = torch.cat([(side - truth).abs().mean(1, keepdim=True) for side in sides], 1)
    return _mean_around(errors, 5)


def static_points(frames: Tensor) -> Tensor:
    """1 where footage (3, N, 3, H, W), 0..1, is static, else 0: (N, 1, H, W).

    Only there the flow of footage is known: 0. Untrained for the noise of real video, a network
    errs by a tenth of a pixel, which blurs everything static.
    """
    change = (frames[1:] - frames[:1]).abs().mean(2).amax(0)[:, None]
    around = _mean_around(change, 9), F.max_pool2d(change, 9, 1, 4)
    return ((around[0] < STATIC_MEAN) & (around[1] < STATIC_PEAK)).float()


def _mean_around(x: Tensor, side: int) -> Tensor:
    """Mean of side x side pixels around each, of those that are in the picture."""
    return F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False)


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

    state: generator state from which the next batch is drawn, for checkpoints.
    """

    def __init__(self, mixer: Mixer, generator: torch.Generator) -> None:
        self._mixer, self._generator = mixer, generator
        # one thread: the order of batches must not depend on timing
        self._pool = ThreadPoolExecutor(1)
        self._start()

    def take(self) -> Batch:
        """The next batch."""
        batch = self._next.result()
        self._start()
        return batch

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from an earlier `state`."""
        self._next.result()
        self._generator.set_state(state["generator"].cpu())
        self._start()

    def _start(self) -> None:
        self.state = {"generator": self._generator.get_state()}
        self._next = self._pool.submit(self._mixer.draw, self._generator)
