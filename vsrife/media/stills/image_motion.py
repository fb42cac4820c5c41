"""Images in the form in which they are moved: premultiplied alpha, and light in 0..1.

New frames go back from there; images that are shown as they are come through bit for bit.
"""

from __future__ import annotations

from typing import Any

import vapoursynth as vs

from vsrife.media.writing.convert import LINEAR, has_alpha, with_alpha
from vsrife.video.alpha import premultiplied, straight
from vsrife.video.blur import light
from vsrife.video.frames import ALPHA

_NEW = {"_RifeTimestep", "_RifeShutter"}  # properties of frames that rife() has made
_ORIGINAL = "_vsrifeStill"  # property of an alpha plane: the image that it belongs to
_LIGHT = light.CURVES[light.LIGHT]  # of OpenEXR, the one format that is linear


def is_moved_otherwise(clip: vs.VideoNode) -> bool:
    """Whether images have alpha or linear light, and so are not moved as they are."""
    return clip.format.sample_type == vs.FLOAT or has_alpha(clip)


def to_motion(clip: vs.VideoNode) -> vs.VideoNode:
    """Images (RGB with straight alpha, or linear RGBS) for rife(): RGBS with alpha in 0..1."""
    node: Any = clip
    working: Any = node.resize.Point(format=vs.RGBS)
    if has_alpha(clip):
        working = with_alpha(working, clip)
    else:
        opaque = node.std.BlankClip(format=vs.GRAYS, color=1.0, keep=True)
        working = working.std.ClipToProp(opaque, prop=ALPHA)
    if clip.format.sample_type == vs.FLOAT:
        curve = f"x 0 max {_LIGHT.to_sample}"
        working = working.std.Expr(curve).std.RemoveFrameProps("_Transfer")
        working = working.std.SetFrameProps(**{light.FORM: light.LIGHT})
    else:
        working = premultiplied(working).std.SetFrameProps(**{light.FORM: light.PREMULTIPLIED})

    def attach(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        alpha: Any = frame.props[ALPHA]
        alpha = alpha.copy()
        alpha.props[_ORIGINAL] = f[1]
        frame.props[ALPHA] = alpha
        return frame

    made: vs.VideoNode = working.std.ModifyFrame([working, clip], attach)
    return made


def from_motion(moved: vs.VideoNode, images: vs.VideoNode) -> vs.VideoNode:
    """What rife() has made of `to_motion(images)`, in the form of `images`.

    A frame that shows an image as it is, is that image.
    """
    node: Any = moved
    alpha, linear = has_alpha(images), images.format.sample_type == vs.FLOAT
    new: Any = node.std.Expr(f"x 0 max {_LIGHT.to_light}") if linear else straight(moved)
    new = new.std.RemoveFrameProps(light.FORM)
    new = new.resize.Point(format=images.format.id)
    new = with_alpha(new, moved) if alpha else new.std.RemoveFrameProps(ALPHA)
    if linear:
        new = new.std.SetFrameProps(_Transfer=LINEAR)

    def choose(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        plane = f[1].props[ALPHA]
        original = plane.props.get(_ORIGINAL) if isinstance(plane, vs.VideoFrame) else None
        # a new frame without alpha of its own has that of its left image
        if _NEW & f[1].props.keys() or not isinstance(original, vs.VideoFrame):
            return f[0]
        frame = original.copy()
        others = {key: value for key, value in f[0].props.items() if key != ALPHA}
        frame.props.update(others)
        return frame

    made: vs.VideoNode = new.std.ModifyFrame([new, moved], choose)
    return made
