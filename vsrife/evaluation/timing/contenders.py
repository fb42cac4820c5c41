"""What the benchmark times: networks, filters and conversions on the same frames."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError, ModelError
from vsrife.evaluation.clips import clip_of_pictures, demo_clip
from vsrife.evaluation.timing.speed import Frame
from vsrife.inference.base import Session
from vsrife.messages import note
from vsrife.network.table import VERSIONS, arch_of, state_shapes
from vsrife.video.colour import Route
from vsrife.weights import find_weights, save_weights

MOMENTS = 24  # different frames; the film of `vsrife demo`, whose motion is known to be real

type Work = Callable[[], object]


def weights_for(model: str, folder: Path) -> str:
    """The model, or a file of random weights in `folder`: speed is the same with any.

    ModelError for a model that nobody knows.
    """
    try:
        find_weights(model)
    except ModelError:
        if model not in VERSIONS:
            raise
    else:
        return model
    note(f"{model} is not on this machine; its network is timed with random weights")
    chance = np.random.default_rng(0)
    state = {
        key: (chance.standard_normal(shape) * 0.5 / math.sqrt(math.prod(shape[1:]) or 1)).astype(
            "f4"
        )
        for key, shape in state_shapes(arch_of(model)).items()
    }
    path = folder / f"{model}.safetensors"
    save_weights(path, state, {"arch": VERSIONS[model]})
    return str(path)


def demo_frames(size: tuple[int, int]) -> list[Frame]:
    """The demo's film at that width and height, as the network reads it."""
    film = demo_clip(n / MOMENTS for n in range(MOMENTS // 2))
    return read_frames(film.resize.Bicubic(*size))


def film_of(path: Path, size: tuple[int, int]) -> vs.VideoNode:
    """Up to 100 frames of a video file or an animation, as YUV420P8 of that width and height.

    MediaError for a file that cannot be read, or with fewer than 3 frames.
    """
    from vsrife.evaluation.film_files import open_film

    return kept(open_film(path, 100).source.resize.Bicubic(*size, format=vs.YUV420P8))


def read_frames(clip: vs.VideoNode) -> list[Frame]:
    """The frames of a clip of RGBS or YUV as R, G, B in 0..1."""
    rgb = clip
    if clip.format.id != vs.RGBS:
        rgb = Route(clip).to_working(clip)
    frames = []
    for frame in rgb.frames(close=True):
        frames.append([np.array(frame[plane], np.float32).clip(0, 1) for plane in range(3)])
    if len(frames) < 2:
        raise MediaError(f"a clip of {len(frames)} frames has nothing between them to time")
    return frames


def clip_of(frames: list[Frame]) -> vs.VideoNode:
    """These frames as YUV420P8."""
    film = clip_of_pictures([np.dstack(frame) for frame in frames])
    return kept(film.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m", range_s="limited"))


def kept(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` from memory: its frames are made once, not in every round."""
    made = [frame.copy() for frame in clip.frames()]
    blank = clip.std.BlankClip(keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: made[n])


class NetworkWork:
    """A new source frame, and a new frame between it and the one before; prepared, interpolated:
    seconds of both parts in each call."""

    def __init__(self, session: Session, frames: list[Frame]) -> None:
        self._session, self._frames = session, frames
        self._numbers = count(1)
        self._left = session.prepare(frames[0])
        self._into = [np.empty_like(plane) for plane in frames[0]]
        self.prepared: list[float] = []
        self.interpolated: list[float] = []

    def __call__(self) -> None:
        times = [time.perf_counter()]
        right = self._session.prepare(self._frames[next(self._numbers) % len(self._frames)])
        times.append(time.perf_counter())
        self._session.interpolate(self._left, right, 0.5, self._into)
        times.append(time.perf_counter())
        self._left = right
        self.prepared.append(times[1] - times[0])
        self.interpolated.append(times[2] - times[1])


def filter_work(clip: vs.VideoNode) -> Work:
    """A new frame and the source frame after it, of a filter at factor 2."""
    numbers = count(1, 2)

    def call() -> None:
        n = next(numbers)
        for index in (n, n + 1):
            clip.get_frame(index % clip.num_frames).close()

    return call


def conversion_work(clip: vs.VideoNode) -> tuple[Work, Work]:
    """From the clip's format to the network's, one frame; and back."""
    route = Route(clip)
    with clip.get_frame(0) as first:
        colour = route.colour_of(first)
    working = route.to_working(clip)
    back = route.to_source(kept(working), colour)
    working.std.SetVideoCache(mode=0)
    return _next_frame(working), _next_frame(back)


def _next_frame(clip: vs.VideoNode) -> Work:
    numbers = count(1)
    return lambda: clip.get_frame(next(numbers) % clip.num_frames).close()


def bytes_moved(clip: vs.VideoNode) -> int:
    """Bytes that pass from one part to the next for a source frame and a new one: the clip's frame,
    the same in RGB of floating point, as the network's input, the network's picture, and that in
    the clip's format. Padding is not counted."""
    with clip.get_frame(0) as frame:
        own = sum(np.asarray(frame[plane]).nbytes for plane in range(frame.format.num_planes))
    return 2 * own + 3 * (3 * 4 * clip.width * clip.height)
