"""Networks that read three frames: what graphs of them are fed with, and what none can do."""

from __future__ import annotations

from typing import NamedTuple

from vsrife.errors import ArgumentError
from vsrife.inference.base import Planes
from vsrife.inference.sessions.auto_scale import AUTO
from vsrife.network.own.triple import FRAMES

_FEWEST = 3 * len(FRAMES)  # planes of a frame with those beside it


class Three[T](NamedTuple):
    """Something of a frame, and of those beside it."""

    own: T
    before: T
    after: T


def split(planes: Planes) -> Three[Planes]:
    """Planes of each frame, see `base.BESIDE`; a frame without others stands for these, too."""
    if len(planes) < _FEWEST:
        return Three(planes, planes, planes)
    count = len(planes) // len(FRAMES)
    return Three(*(planes[count * k : count * (k + 1)] for k in range(len(FRAMES))))


def is_near(timestep: float) -> bool:
    """Whether the left frame is the middle one of three: the nearer one is, the right one half way,
    as in `TripleNet.interpolate`."""
    return timestep < 0.5


def feeds[T](left: Three[T], right: Three[T], timestep: float) -> dict[str, T]:
    """The three frames by the names of a graph's inputs; `time_of` goes with them."""
    frames = (left.own, right.own, right.after)
    if is_near(timestep):
        frames = (left.before, left.own, right.own)
    return dict(zip(FRAMES, frames, strict=True))


def time_of(timestep: float) -> float:
    """The timestep from the previous frame, 0, to the next one, 2."""
    return timestep + is_near(timestep)


def check(tta: str | None, scale: float | str) -> None:
    """ArgumentError for what needs both directions of time to be alike, or motion to be told."""
    if tta in ("time", "both"):
        raise ArgumentError(
            f'tta="{tta}" goes backwards in time, and the third frame of this network does not; '
            'leave it out, or use tta="flip"'
        )
    if scale == AUTO:
        raise ArgumentError(
            f'scale="{AUTO}" needs the motion between two frames, which a network of three does '
            "not tell; give a number, or choose another model"
        )
