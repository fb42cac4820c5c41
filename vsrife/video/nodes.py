"""Clips of one pixel that carry properties of frames and of their neighbours.

A decision about a frame may need the properties of several others. Requesting these frames there
would keep their pictures in memory; a pixel costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import vapoursynth as vs

from vsrife.video.frames import uncached


def pixels(length: int) -> vs.VideoNode:
    """`length` frames of one grey pixel."""
    return vs.core.std.BlankClip(
        format=vs.GRAY8, width=1, height=1, length=length, fpsnum=0, fpsden=1, keep=True
    )


def shifted(clip: vs.VideoNode, by: int) -> vs.VideoNode:
    """Frame n is frame n + by of `clip`. Beyond the ends, the first or last frame repeats."""
    end = clip.num_frames - 1
    if by == 0 or end == 0:
        return clip
    if by > 0:
        rest = uncached(clip.std.Trim(first=min(by, end)))
        one = uncached(clip.std.Trim(first=end))
        return uncached(rest + uncached(one.std.Loop(clip.num_frames - rest.num_frames)))
    rest = uncached(clip.std.Trim(last=max(end + by, 0)))
    one = uncached(clip.std.Trim(last=0))
    return uncached(uncached(one.std.Loop(clip.num_frames - rest.num_frames)) + rest)


def gather(
    clip: vs.VideoNode, read: Callable[[vs.VideoFrame], int], name: str, before: int, after: int
) -> vs.VideoNode:
    """Pixels whose property `name` lists `read(frame)` for frames n - before to n + after.

    clip: of any format. In sequential access each frame is read once. Beyond the ends the value
    is 0.
    """
    count = clip.num_frames
    blank = pixels(count)

    def take(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[name] = read(f[1])
        return frame

    single = blank.std.ModifyFrame([blank, clip], take)
    around = range(-before, after + 1)

    def join(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props[name] = [
            g.props[name] if 0 <= n + by < count else 0 for by, g in zip(around, f[1:], strict=True)
        ]
        return frame

    return blank.std.ModifyFrame([blank, *(shifted(single, by) for by in around)], join)


def values(frame: vs.VideoFrame, name: str) -> Sequence[int]:
    """The values that `gather` wrote. VapourSynth returns a single one as an int, not a list."""
    found = frame.props[name]
    return found if isinstance(found, Sequence) else [found]
