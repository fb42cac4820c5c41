"""Scene changes: score and mark."""

from __future__ import annotations

from numbers import Real

import vapoursynth as vs

from vsrife.errors import ArgumentError

NEXT = "_SceneChangeNext"  # 1 on the last frame of a scene
PREV = "_SceneChangePrev"  # 1 on the first
_SCORE = "_vsrifeScore"


def check_threshold(threshold: object) -> float:
    """`threshold` as a float in 0..1; ArgumentError if it is none."""
    number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not number or not 0 <= float(threshold) <= 1:  # type: ignore[arg-type]  # a number
        raise ArgumentError(
            f"sc_threshold must be a number between 0 and 1, not {threshold!r}; "
            "None takes the clip's own _SceneChangeNext"
        )
    return float(threshold)  # type: ignore[arg-type]  # a number


def mark_scene_changes(clip: vs.VideoNode, threshold: float) -> vs.VideoNode:
    """`clip` with `_SceneChangePrev` and `_SceneChangeNext` (0 or 1) on every frame.

    A cut lies where the mean absolute difference of two frames' luma (GRAY8, BT.709, 0..1) is more
    than `threshold` (0..1). The same figures and the same marks as the peer's misc.SCDetect, whose
    first frame takes its `Prev` from the difference after it, but by core filters only.
    """
    gray = clip.resize.Bicubic(format=vs.GRAY8, matrix_s="709")
    following = gray.std.Trim(first=1) + gray.std.Trim(first=clip.num_frames - 1)
    scores = gray.std.PlaneStats(following, prop=_SCORE)
    before = scores.std.Trim(length=1) + scores.std.Trim(length=clip.num_frames - 1)

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[PREV] = int(f[1].props[_SCORE + "Diff"] > threshold)
        frame.props[NEXT] = int(f[2].props[_SCORE + "Diff"] > threshold)
        return frame

    return clip.std.ModifyFrame([clip, before, scores], mark)
