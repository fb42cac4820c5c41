"""Scene changes: score and mark."""

from __future__ import annotations

from collections.abc import Callable

import vapoursynth as vs

from vsrife.checks import share
from vsrife.video import frames, nodes
from vsrife.video.timeline import Place

NEXT = "_SceneChangeNext"  # 1 on the last frame of a scene
PREV = "_SceneChangePrev"  # 1 on the first
SCORE = "_vsrifeScore"
_CUTS = "_vsrifeCuts"
_LARGEST_JUMP = 100  # source frames between two output frames among which cuts are looked for


def cut_between(left: vs.VideoFrame, right: vs.VideoFrame, apart: int) -> bool:
    """Whether two frames of a marked clip, `apart` frames from each other, are of two scenes."""
    return bool(left.props.get(NEXT) or (apart > 1 and right.props.get(PREV)))


def check_threshold(threshold: object) -> float:
    """`threshold` as a float in 0..1; ArgumentError if it is none."""
    return share("sc_threshold", threshold, "None takes the clip's own _SceneChangeNext")


def score_differences(clip: vs.VideoNode) -> vs.VideoNode:
    """A grey clip with `_vsrifeScoreDiff`: the mean absolute difference of each frame to the next.

    Of `frames.luma`, 0..1; 0 for the last frame.
    """
    gray = frames.luma(clip)
    if clip.num_frames == 1:
        return gray.std.PlaneStats(gray, prop=SCORE)
    following = gray.std.Trim(first=1) + gray.std.Trim(first=clip.num_frames - 1)
    return gray.std.PlaneStats(following, prop=SCORE)


def mark_scene_changes(
    clip: vs.VideoNode, threshold: float, seen: vs.VideoNode | None = None
) -> vs.VideoNode:
    """`clip` with `_SceneChangePrev` and `_SceneChangeNext` (0 or 1) on every frame.

    A cut lies where the mean absolute difference of two frames' luma (GRAY8, BT.709, 0..1) is more
    than `threshold` (0..1). The same figures and the same marks as the peer's misc.SCDetect, whose
    first frame takes its `Prev` from the difference after it, but by core filters only.

    seen: the pictures to judge by, `clip`'s own if None.
    """
    scores = score_differences(clip if seen is None else seen)
    before = scores.std.Trim(length=1) + scores.std.Trim(length=clip.num_frames - 1)

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[PREV] = int(f[1].props[SCORE + "Diff"] > threshold)
        frame.props[NEXT] = int(f[2].props[SCORE + "Diff"] > threshold)
        return frame

    return clip.std.ModifyFrame([clip, before, scores], mark)


def complete_marks(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with `_SceneChangeNext` before each `_SceneChangePrev`, for detectors that set no
    other mark (SCXvid)."""

    def complete(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        if n == clip.num_frames - 1 or f[0].props.get(NEXT) or not f[1].props.get(PREV):
            return f[0]
        frame = f[0].copy()
        frame.props[NEXT] = 1
        return frame

    return frames.uncached(clip.std.ModifyFrame([clip, nodes.shifted(clip, 1)], complete))


def place_marks(
    out: vs.VideoNode,
    clip: vs.VideoNode,
    at_own_time: Callable[[vs.VideoNode], vs.VideoNode],
    place: Callable[[int], Place],
    *,
    jump: int,
    nearest: bool,
) -> vs.VideoNode:
    """`out` with marks where the scene changes from one of its frames to the next.

    Source frames that fall out take no mark with them so, and a new frame that shows the right
    scene already is the first of that. clip: the source with its marks; at_own_time: rearranges
    such clips to the times of `out`; place: of output frames; jump: how many source frames lie
    between two of those; nearest: whether the nearer scene is shown between two.
    """
    jump = min(jump, _LARGEST_JUMP)
    cuts = nodes.gather(clip, lambda f: int(bool(f.props.get(NEXT))), _CUTS, jump + 1, jump + 1)
    end = out.num_frames - 1

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame, around = f[0].copy(), nodes.values(f[1], _CUTS)
        origin = place(n).left - jump - 1

        def scene_of(k: int) -> int:
            """The source frame whose scene output frame k shows, counted from `origin`."""
            at = place(k)
            left = min(max(at.left - origin, 0), len(around) - 1)
            return left + (nearest and at.timestep > 0.5 and bool(around[left]))

        if n < end:
            frame.props[NEXT] = int(any(around[scene_of(n) : scene_of(n + 1)]))
        if n > 0:
            frame.props[PREV] = int(any(around[scene_of(n - 1) : scene_of(n)]))
        return frame

    return out.std.ModifyFrame([out, at_own_time(cuts)], mark)
