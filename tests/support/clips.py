"""Clips and weights that tests draw themselves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.inference import base
from vsrife.inference.backends import runtime
from vsrife.network.table import ARCHS, state_shapes
from vsrife.video import frames
from vsrife.weights import save_weights

Picture = NDArray[np.float64]  # (3, height, width)


def random_weights(folder: Path, arch: str) -> Path:
    """A weights file of a row with numbers that make it see motion where there is none."""
    path = folder / f"{arch}-random.safetensors"
    draw, state, bound = np.random.default_rng(len(arch)), {}, 0.0
    for key, shape in state_shapes(ARCHS[arch]).items():
        if len(shape) == 4 and shape[0] > 1:  # as PyTorch begins; a bias has its weight's bound
            bound = float(np.prod(shape[1:])) ** -0.5
        values = draw.uniform(-bound, bound, shape)
        state[key] = (np.ones(shape) if key.endswith("beta") else values).astype(np.float32)
    save_weights(path, state, {"arch": arch})
    return path


def copied(weights: Path, folder: Path) -> Path:
    """The same weights in a file that no other test uses."""
    return shutil.copy(weights, folder / "copied.safetensors")


def networks_of(weights: Path) -> list[Any]:
    """The networks with weights of that file that filters hold on PyTorch."""
    from vsrife.inference.backends import pytorch

    return [net for (*_, same), net in pytorch._networks.items() if same[-1].weights == weights]


@contextmanager
def own_process() -> Iterator[None]:
    """As in a process of its own: no network of a graph is there yet, whatever another has left."""
    with mock.patch.object(runtime, "_networks", base.Shared()):
        yield


def clip_of(
    draw: Callable[[int], Picture],
    length: int,
    *,
    fmt: vs.PresetVideoFormat = vs.RGBS,
    fps: tuple[int, int] = (24000, 1001),
    props: Callable[[int], dict[str, object]] = lambda n: {},
) -> vs.VideoNode:
    """A clip whose frame n is `draw(n)`."""
    height, width = draw(0).shape[1:]
    blank = vs.core.std.BlankClip(
        format=fmt, width=width, height=height, length=length, fpsnum=fps[0], fpsden=fps[1]
    )

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane, values in zip(frames.planes(frame), draw(n), strict=True):
            plane[:] = values
        frame.props.update(props(n))
        return frame

    return blank.std.ModifyFrame(blank, paint)


def noise(width: int, height: int, *, low: float = 0, high: float = 1) -> Callable[[int], Picture]:
    """Pictures of independent noise."""
    return lambda n: np.random.default_rng(n).uniform(low, high, (3, height, width))


def flat(colours: Sequence[Sequence[float]], width: int = 64, height: int = 48):
    """Pictures of one colour each."""
    return lambda n: np.broadcast_to(
        np.array(colours[n], dtype=float)[:, None, None], (3, height, width)
    )


def picture(frame: vs.VideoFrame) -> NDArray[np.generic]:
    """(3, height, width), a copy."""
    return np.stack(frames.planes(frame))


def pictures(clip: vs.VideoNode) -> list[NDArray[np.generic]]:
    return [picture(frame) for frame in clip.frames(close=True)]
