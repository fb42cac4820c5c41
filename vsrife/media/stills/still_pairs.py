"""The pictures between two pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.stills.image_writer import for_images, write_images
from vsrife.media.stills.images import open_images
from vsrife.media.writing.convert import format_id, has_alpha, with_alpha
from vsrife.video.alpha import premultiplied, straight
from vsrife.video.frames import ALPHA, white

# A clip and a factor -> the clip with that many frames for each; alpha is interpolated as well
Interpolate = Callable[[vs.VideoNode, int], vs.VideoNode]

_GAMMA = 2.4  # of the curve in which linear light is moved, about that of film


def write_between(
    files: tuple[Path, Path],
    count: int,
    folder: Path,
    names: Sequence[str],
    interpolate: Interpolate,
) -> None:
    """Write `count` pictures, evenly between two files, into `folder`, which is made if missing.

    names: one each; two more if the pictures at both ends are written, too. Alpha is premultiplied
    while pictures are moved, and OpenEXR is moved in a curve of its own range, which may exceed 1.
    MediaError if the pictures differ in size or cannot be read.
    """
    ends = len(names) > count
    left, right = (open_images([path], Fraction(1)) for path in files)
    if (left.width, left.height) != (right.width, right.height):
        raise MediaError(
            f"{files[0]} is {left.width}x{left.height} and {files[1]} is "
            f"{right.width}x{right.height}; both must have one size"
        )
    if (left.format.sample_type == vs.FLOAT) != (right.format.sample_type == vs.FLOAT):
        raise MediaError(
            f"of {files[0]} and {files[1]}, one is OpenEXR, which holds linear light; convert one, "
            "so that both are of one kind"
        )
    pair = _joined(left, right)
    between = _moved(pair, count, interpolate)
    if ends:
        between = pair[0] + between + pair[1]
    made = for_images(between, Path(names[0]).suffix)
    write_images(made, folder, names)


def _joined(left: vs.VideoNode, right: vs.VideoNode) -> vs.VideoNode:
    """Two images as a clip: bits, colour and alpha of the one that has more of each."""
    formats = left.format, right.format
    family = vs.RGB if vs.RGB in {each.color_family for each in formats} else vs.GRAY
    wanted = format_id(family, max(each.bits_per_sample for each in formats))
    alpha = has_alpha(left) or has_alpha(right)
    made = [_in_format(clip, wanted, alpha) for clip in (left, right)]
    return made[0] + made[1]


def _in_format(clip: vs.VideoNode, wanted: int, alpha: bool) -> vs.VideoNode:
    node: Any = clip
    if alpha and not has_alpha(clip):
        kind = format_id(vs.GRAY, clip.format.bits_per_sample)
        opaque = node.std.BlankClip(format=kind, color=white(clip.format))
        node = node.std.ClipToProp(opaque, prop=ALPHA)
    if clip.format.id == wanted:
        return node  # type: ignore[no-any-return]
    made: vs.VideoNode = node.resize.Point(format=wanted)
    return with_alpha(made, node) if alpha else made


def _moved(pair: vs.VideoNode, count: int, interpolate: Interpolate) -> vs.VideoNode:
    """`count` frames between the two of `pair`, in its format."""
    alpha = has_alpha(pair)
    node: Any = pair
    grey = pair.format.color_family == vs.GRAY
    working: Any = node.resize.Point(format=format_id(vs.GRAY if grey else vs.RGB, 32))
    linear = pair.format.sample_type == vs.FLOAT
    if alpha:
        working = with_alpha(working, pair)
        working = working if linear else premultiplied(working)  # OpenEXR's is so already
    if linear:
        most = max(_peak(frame) for frame in working.frames())
        working = working.std.Expr(f"x 0 max {most} / {1 / _GAMMA} pow")
    moved: Any = interpolate(working, count + 1)[1 : count + 1]
    if linear:
        moved = moved.std.Expr(f"x 0 max {_GAMMA} pow {most} *")
    if alpha and not linear:
        moved = straight(moved)
    made: vs.VideoNode = moved.resize.Point(format=pair.format.id)
    made = with_alpha(made, moved) if alpha else made
    return made.std.CopyFrameProps(pair[0], props=["_Transfer"])


def _peak(frame: vs.VideoFrame) -> float:
    """The largest sample, at least 1."""
    planes = [np.asarray(frame[index]) for index in range(frame.format.num_planes)]
    return max(1.0, *(float(plane[np.isfinite(plane)].max(initial=1)) for plane in planes))
