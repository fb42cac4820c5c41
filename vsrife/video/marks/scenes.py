"""Scene changes: score and mark them, by the difference of two frames or by an adaptive score.

`vsrife.detection.cuts` has the arithmetic.
"""

from __future__ import annotations

import numpy as np
import vapoursynth as vs

from vsrife.checks import Share
from vsrife.detection.cuts import REACH, scene_score
from vsrife.detection.luma import THUMBNAIL
from vsrife.video import frames, nodes
from vsrife.video.timeline import Times

THRESHOLD = Share("None takes the clip's own _SceneChangeNext")

NEXT = "_SceneChangeNext"  # 1 on the last frame of a scene
PREV = "_SceneChangePrev"  # 1 on the first
SCORE = "_vsrifeScore"
_CUTS = "_vsrifeCuts"
_LARGEST_JUMP = 100  # most source frames between two output frames that are searched for cuts

ADAPTIVE_SCORE = "_RifeSceneScore"


def cut_between(left: vs.VideoFrame, right: vs.VideoFrame, apart: int) -> bool:
    """Whether a scene change lies between two frames of a marked clip, `apart` frames apart."""
    return bool(left.props.get(NEXT) or (apart > 1 and right.props.get(PREV)))


def score_differences(clip: vs.VideoNode) -> vs.VideoNode:
    """A grey clip with `_vsrifeScoreDiff`: the mean absolute luma difference to the next frame.

    0..1, of `frames.luma`; 0 for the last frame.
    """
    gray = frames.luma(clip)
    if clip.num_frames == 1:
        return gray.std.PlaneStats(gray, prop=SCORE)
    following = gray.std.Trim(first=1) + gray.std.Trim(first=clip.num_frames - 1)
    return gray.std.PlaneStats(following, prop=SCORE)


def mark_scene_changes(
    clip: vs.VideoNode, threshold: float, judged: vs.VideoNode | None = None
) -> vs.VideoNode:
    """`clip` with `_SceneChangePrev` and `_SceneChangeNext` (0 or 1) on every frame.

    A cut lies where the mean absolute difference of two frames' luma (GRAY8, BT.709, 0..1) is more
    than `threshold` (0..1). Scores and marks equal those of misc.SCDetect, which vs-rife uses: so
    `Prev` of the first frame comes from the difference after it. Needs core filters only.

    judged: the clip that is scored; None: `clip`.
    """
    scores = score_differences(clip if judged is None else judged)
    before = scores.std.Trim(length=1) + scores.std.Trim(length=clip.num_frames - 1)

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[PREV] = int(f[1].props[SCORE + "Diff"] > threshold)
        frame.props[NEXT] = int(f[2].props[SCORE + "Diff"] > threshold)
        return frame

    return clip.std.ModifyFrame([clip, before, scores], mark)


def scene_scores(clip: vs.VideoNode) -> vs.VideoNode:
    """A pixel per frame with `_RifeSceneScore`: how likely a cut is after that frame, 0..1."""
    small = frames.luma(clip).resize.Bilinear(THUMBNAIL, THUMBNAIL)
    around = [nodes.shifted(small, by) for by in range(1 - REACH, 1 + REACH)]
    blank = nodes.pixels(clip.num_frames)

    def measure(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        stack = np.stack([np.asarray(g[0]).ravel() for g in f[1:]]).astype(np.float32)
        frame.props[ADAPTIVE_SCORE] = scene_score(stack / np.float32(255))
        return frame

    return blank.std.ModifyFrame([blank, *around], measure)


def mark_adaptive(
    clip: vs.VideoNode, threshold: float, judged: vs.VideoNode | None = None
) -> vs.VideoNode:
    """`clip` with `_SceneChangePrev` and `_SceneChangeNext` (0 or 1) on every frame.

    A cut lies where the adaptive score is more than `threshold` (0..1).

    judged: the clip that is scored; None: `clip`.
    """
    scores = scene_scores(clip if judged is None else judged)

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[PREV] = int(n > 0 and f[1].props[ADAPTIVE_SCORE] > threshold)
        frame.props[NEXT] = int(f[2].props[ADAPTIVE_SCORE] > threshold)
        return frame

    return clip.std.ModifyFrame([clip, nodes.shifted(scores, -1), scores], mark)


def complete_marks(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with `_SceneChangeNext` before each `_SceneChangePrev`.

    SCXvid, for example, sets only the latter.
    """

    def complete(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        if n == clip.num_frames - 1 or f[0].props.get(NEXT) or not f[1].props.get(PREV):
            return f[0]
        frame = f[0].copy()
        frame.props[NEXT] = 1
        return frame

    return frames.uncached(clip.std.ModifyFrame([clip, nodes.shifted(clip, 1)], complete))


def cuts_around(clip: vs.VideoNode, jump: int) -> vs.VideoNode:
    """Pixels that list the scene changes among the frames around each frame of `clip`.

    jump: most source frames from one output frame to the next.
    """
    reach = _reach(jump)
    return nodes.gather(clip, lambda f: int(bool(f.props.get(NEXT))), _CUTS, reach, reach)


def place_marks(
    out: vs.VideoNode, cuts: vs.VideoNode, times: Times, *, nearest: bool
) -> vs.VideoNode:
    """`out` with marks where the scene changes from one of its frames to the next.

    A mark thus survives if its source frame is dropped, and a frame that already shows the right
    scene is the first frame of that scene. cuts: `cuts_around` for the left source frame of each
    output frame; nearest: whether the nearer of two scenes is shown between them.
    """
    reach, end = _reach(times.jump), out.num_frames - 1

    def mark(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame, around = f[0].copy(), nodes.values(f[1], _CUTS)
        origin = times.position(n).left - reach

        def scene_of(k: int) -> int:
            """The source frame whose scene output frame k shows, counted from `origin`."""
            at = times.position(k)
            left = min(max(at.left - origin, 0), len(around) - 1)
            return left + (nearest and at.timestep > 0.5 and bool(around[left]))

        if n < end:
            frame.props[NEXT] = int(any(around[scene_of(n) : scene_of(n + 1)]))
        if n > 0:
            frame.props[PREV] = int(any(around[scene_of(n - 1) : scene_of(n)]))
        return frame

    return out.std.ModifyFrame([out, cuts], mark)


def _reach(jump: int) -> int:
    return min(jump, _LARGEST_JUMP) + 1
