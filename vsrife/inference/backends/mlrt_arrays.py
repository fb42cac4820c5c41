"""Nodes as a `Session` that takes arrays: each call puts its frames where the nodes read them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.inference.base import Planes

_LENGTH = 2**31 - 2  # frames are numbered by calls; one more is put in front of them
_CONFIDENCE = "_vsrifeConfidence"


class Nodes(Protocol):
    """What `mlrt.MlrtSession` makes nodes with."""

    @property
    def size(self) -> tuple[int, int]: ...

    def featured(self, clip: vs.VideoNode) -> vs.VideoNode: ...

    def between(self, left: vs.VideoNode, right: vs.VideoNode, timestep: vs.VideoNode) -> Any: ...


@dataclass(frozen=True, eq=False)
class Prepared:
    """frame: as of `featured`; alpha: (h, w), where there is any."""

    frame: vs.VideoFrame
    alpha: NDArray[np.float32] | None


class ByArrays:
    """Calls may come from any thread, at the same time: each has a frame number of its own.

    No lock is held while a frame is waited for: a thread of VapourSynth's that waits for a lock,
    not for a frame, cannot make that frame.
    """

    def __init__(self, nodes: Nodes, size: tuple[int, int]) -> None:
        self._numbers = count()
        self._given: dict[int, dict[str, vs.VideoFrame]] = {}
        self._picture = _blank(vs.RGBS, size)
        self._time = _blank(vs.GRAYS, nodes.size)
        self._source = nodes.featured(self._input("source", self._picture))
        wide = _blank(vs.RGBS, nodes.size)
        found = nodes.between(
            self._input("left", wide), self._input("right", wide), self._input("time", self._time)
        )
        picture: Any = found.picture.std
        # one request for both, or the plugin would run twice
        self._new: vs.VideoNode = picture.ClipToProp(found.confidence, prop=_CONFIDENCE)
        for node in (self._source, self._new):
            node.std.SetVideoCache(mode=0)

    def prepare(self, planes: Planes) -> Prepared:
        source = vs.core.create_video_frame(
            self._picture.format, self._picture.width, self._picture.height
        )
        for number in range(3):
            target = np.asarray(source[number])
            np.copyto(target, planes[number], casting="same_kind")
            # one sample that is not a number would otherwise spoil the whole picture
            np.nan_to_num(target, copy=False, nan=0, posinf=1, neginf=0)
        frame = self._run({"source": source}, self._source)
        alpha = np.array(planes[3], np.float32) if len(planes) > 3 else None
        return Prepared(frame, alpha)

    def interpolate(self, left: Prepared, right: Prepared, timestep: float, into: Planes) -> float:
        """Alpha fades: the plugins' graphs do not move it."""
        time = vs.core.create_video_frame(self._time.format, self._time.width, self._time.height)
        np.asarray(time[0])[:] = timestep
        given = {"left": left.frame, "right": right.frame, "time": time}
        new = self._run(given, self._new)
        for number in range(3):
            np.copyto(into[number], np.asarray(new[number]), casting="same_kind")
        if left.alpha is not None and right.alpha is not None and len(into) > 3:
            np.copyto(into[3], left.alpha + np.float32(timestep) * (right.alpha - left.alpha))
        return float(np.asarray(new.props[_CONFIDENCE][0])[0, 0])

    def _run(self, given: dict[str, vs.VideoFrame], node: vs.VideoNode) -> vs.VideoFrame:
        n = next(self._numbers) % _LENGTH
        self._given[n] = given
        try:
            return node.get_frame(n)
        finally:
            del self._given[n]

    def _input(self, name: str, template: vs.VideoNode) -> vs.VideoNode:
        def give(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            return self._given[n][name]

        node = template.std.ModifyFrame(template, give)
        node.std.SetVideoCache(mode=0)
        return node


def _blank(kind: int, size: tuple[int, int]) -> vs.VideoNode:
    return vs.core.std.BlankClip(
        format=kind, width=size[0], height=size[1], length=_LENGTH, keep=True
    )
