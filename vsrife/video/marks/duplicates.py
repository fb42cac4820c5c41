"""Duplicate frames: score and mark them. `vsrife.detection.runs` has the arithmetic."""

from __future__ import annotations

import vapoursynth as vs

from vsrife.detection.luma import BLOCK
from vsrife.detection.runs import is_duplicate
from vsrife.video import frames, nodes

DUPLICATE = "_Duplicate"  # 1 on a frame that only repeats the one before it
SCORE = "_RifeDuplicate"  # with "Average" and "Max", see score_duplicates
ANCHORS = ("first", "centre")


def score_duplicates(clip: vs.VideoNode) -> vs.VideoNode:
    """A grey clip of block means with the difference of each frame from the one before it.

    `_RifeDuplicateAverage` is the mean and `_RifeDuplicateMax` the maximum absolute difference of
    block means (8x8 pixels), 0..1 of luma. The first frame has 0. In a block mean, grain cancels
    out. Fog, a fade or a slow zoom remain: they change all samples of a block the same way.
    """
    width, height = max(1, round(clip.width / BLOCK)), max(1, round(clip.height / BLOCK))
    blocks = frames.luma(clip).resize.Bilinear(width, height, format=vs.GRAYS)
    apart = vs.core.std.Expr([blocks, nodes.shifted(blocks, -1)], "x y - abs")
    return apart.std.PlaneStats(prop=SCORE)


def mark_duplicates(
    clip: vs.VideoNode, threshold: float, judged: vs.VideoNode | None = None
) -> vs.VideoNode:
    """`clip` with `_Duplicate` (0 or 1) on every frame. judged: is compared instead of it.

    1 where blocks differ from the frame before by at most `threshold` (0..1 of luma) on average,
    and no block differs by more than 8 times that.
    """

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame, scores = f[0].copy(), f[1].props
        mean, largest = scores[SCORE + "Average"], scores[SCORE + "Max"]
        frame.props[DUPLICATE] = int(n > 0 and is_duplicate(mean, largest, threshold))
        return frame

    return clip.std.ModifyFrame([clip, score_duplicates(judged or clip)], mark)
