"""Scores of scene changes, by the difference of two frames or by an adaptive score.

The adaptive score compares the frames before a cut with those after it, relative to the motion. At
a cut all frames before differ from all frames after. At a flash they do not: the frames around it
are alike. In a pan or a fade, frames change as much before and after as in between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vsrife.detection.luma import Pixels

THRESHOLD = 0.15  # vs-rife's, of both scores
REACH = 3  # frames compared on each side; flashes of up to 2 frames are ignored
# Separation that scores 0.15, in 0..1 of luma: a fixed part, and a part per unit of motion
_FLOOR, _MOTION = 0.009, 1.4
_AT_THRESHOLD = 17 / 3  # x / (x + 17 / 3) is 0.15 at x = 1


def difference(left: Pixels, right: Pixels) -> float:
    """Mean absolute difference of two `luma.codes`, 0..1: the score of misc.SCDetect."""
    return float(abs(left - right).mean()) / 255


def scene_score(thumbnails: NDArray[np.float32]) -> float:
    """How likely a cut is in the middle of 6 consecutive thumbnails, 0..1.

    thumbnails (6, pixels): luma, 0..1. The difference of two is the mean absolute difference times
    (1 - correlation), which discounts a change of gain and offset. Separation: the smallest
    difference between a thumbnail before and one after. Motion: the smaller of the two steps on
    each side, of the side where it is larger.
    """
    centred = thumbnails - thumbnails.mean(1, keepdims=True)
    norms = np.maximum(np.sqrt((centred * centred).sum(1)), 1e-6)
    alike = np.clip(centred @ centred.T / np.outer(norms, norms), 0, 1)
    before, after = thumbnails[:REACH], thumbnails[REACH:]
    across = np.abs(before[:, None] - after[None]).mean(2) * (1 - alike[:REACH, REACH:])
    steps = np.abs(np.diff(thumbnails, axis=0)).mean(1) * (1 - np.diagonal(alike, 1))
    steps += np.abs(np.diff(thumbnails.mean(1)))  # else fades would look static
    motion = max(steps[: REACH - 1].min(), steps[REACH:].min())
    x = float(across.min()) / (_FLOOR + _MOTION * float(motion))
    return x / (x + _AT_THRESHOLD)
