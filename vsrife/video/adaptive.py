"""Scene changes by an adaptive score: how far two sides of a frame are apart, beyond what moves.

A cut parts all frames before it from all frames after it. A flash does not: the frames around it
are alike. A pan or a fade changes as much before and after as in between.
"""

from __future__ import annotations

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.video import frames, nodes, scenes

SCORE = "_RifeSceneScore"
_SIDE = 64  # pixels of a thumbnail: grain and small motion vanish
_REACH = 3  # frames looked at on either side: flashes may be one shorter
# Separation that makes a score of 0.15, in 0..1 of luma: fixed part, and per unit of motion
_FLOOR, _MOTION = 0.009, 1.4
_AT_THRESHOLD = 17 / 3  # so that x / (x + this) is 0.15, the peer's default threshold, at x = 1


def scene_score(thumbnails: NDArray[np.float32]) -> float:
    """0..1, how much the middle of 6 consecutive luma pictures (6, pixels), 0..1, looks like a cut.

    Pictures differ by their mean absolute difference, less what gain and offset explain: times
    (1 - correlation). The separation is the smallest difference of a picture before to one after.
    Motion is how much pictures change anyway, on the livelier side, by the calmer of its two steps.
    """
    centred = thumbnails - thumbnails.mean(1, keepdims=True)
    norms = np.maximum(np.sqrt((centred * centred).sum(1)), 1e-6)
    alike = np.clip(centred @ centred.T / np.outer(norms, norms), 0, 1)
    before, after = thumbnails[:_REACH], thumbnails[_REACH:]
    across = np.abs(before[:, None] - after[None]).mean(2) * (1 - alike[:_REACH, _REACH:])
    steps = np.abs(np.diff(thumbnails, axis=0)).mean(1) * (1 - np.diagonal(alike, 1))
    steps += np.abs(np.diff(thumbnails.mean(1)))  # or fades would seem to stand still
    motion = max(steps[: _REACH - 1].min(), steps[_REACH:].min())
    x = float(across.min()) / (_FLOOR + _MOTION * float(motion))
    return x / (x + _AT_THRESHOLD)


def scene_scores(clip: vs.VideoNode) -> vs.VideoNode:
    """A pixel per frame with `_RifeSceneScore`: how much what follows it looks like a new scene."""
    small = frames.luma(clip).resize.Bilinear(_SIDE, _SIDE)
    around = [nodes.shifted(small, by) for by in range(1 - _REACH, 1 + _REACH)]
    blank = nodes.pixels(clip.num_frames)

    def measure(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        stack = np.stack([np.asarray(g[0]).ravel() for g in f[1:]]).astype(np.float32)
        frame.props[SCORE] = scene_score(stack / np.float32(255))
        return frame

    return blank.std.ModifyFrame([blank, *around], measure)


def mark_adaptive(
    clip: vs.VideoNode, threshold: float, seen: vs.VideoNode | None = None
) -> vs.VideoNode:
    """`clip` with `_SceneChangePrev` and `_SceneChangeNext` (0 or 1) on every frame.

    A cut lies where the score is more than `threshold` (0..1). seen: the pictures to judge by,
    `clip`'s own if None.
    """
    scores = scene_scores(clip if seen is None else seen)

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[scenes.PREV] = int(n > 0 and f[1].props[SCORE] > threshold)
        frame.props[scenes.NEXT] = int(f[2].props[SCORE] > threshold)
        return frame

    return clip.std.ModifyFrame([clip, nodes.shifted(scores, -1), scores], mark)
