"""Averages of pictures in linear light.

A camera adds up light, and samples are not proportional to it. `_Transfer` says how to get from one
to the other; the curves are those of H.273. Values below 0 are mirrored, so that what lies outside
of 0..1 survives. Images are moved in forms of their own (media/stills/image_motion), and say so in
`FORM`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.video import frames, nodes
from vsrife.video.alpha import premultiplied, straight
from vsrife.video.colour import alphas_match
from vsrife.video.frames import ALPHA, coded, uncached, white

type Plane = NDArray[np.float32]

SRGB, DISPLAY = 13, 1  # what frames without a known `_Transfer` have: RGB, all others

FORM = "_vsrifeForm"  # frame property: PREMULTIPLIED, or LIGHT
# Beyond the numbers of H.273, which end at 255.
PREMULTIPLIED = 256  # added to one of them: samples are multiplied by alpha
LIGHT = 512  # premultiplied light, 0 to 65536, by the last of `CURVES`

# Expr's own functions are exact to about 2e-7, and it works on vectors; so these are its programs,
# which replace the value on top of the stack. The sign is taken off first, see `_signed`.
_MIRRORED = "dup 0 < -1 1 ? swap abs {} *"

# Constants of ST 2084 and of ARIB STD-B67
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.55991073


class Curve(NamedTuple):
    """Programs of Expr for values of 0 and more: from a sample to light, and back."""

    to_light: str
    to_sample: str


def _power(exponent: float) -> Curve:
    return Curve(f"{exponent!r} pow", f"{1 / exponent!r} pow")


_BT1886 = _power(2.4)  # what a display does with BT.709, 601, 240M and 2020
_PQ = Curve(
    # beyond 1, 10000 cd/m2, its denominator nears 0
    f"1 min {1 / _M2!r} pow dup {_C1!r} - 0 max swap {_C3!r} * {_C2!r} swap - / {1 / _M1!r} pow",
    f"{_M1!r} pow dup {_C2!r} * {_C1!r} + swap {_C3!r} * 1 + / {_M2!r} pow",
)
_HLG = Curve(  # light at the camera
    f"dup 0.5 > swap dup {_C!r} - {_A!r} / exp {_B!r} + 12 / swap dup * 3 / ?",
    f"dup {1 / 12!r} > swap dup 12 * {_B!r} - 1e-6 max log {_A!r} * {_C!r} + swap 3 * sqrt ?",
)
CURVES = {  # by `_Transfer`
    1: _BT1886, 6: _BT1886, 7: _BT1886, 11: _BT1886, 14: _BT1886, 15: _BT1886,
    4: _power(2.2), 5: _power(2.8), 17: _power(2.6),
    8: Curve("1 *", "1 *"),
    13: Curve(
        "dup 0.04045 > swap dup 0.055 + 1.055 / 2.4 pow swap 12.92 / ?",
        f"dup 0.0031308 > swap dup {1 / 2.4!r} pow 1.055 * 0.055 - swap 12.92 * ?",
    ),
    16: _PQ,
    18: _HLG,
    # light as half floats reach it in 0..1: a gamma of 2.4 up to 1, steps of light above
    LIGHT: Curve(
        "dup 0.75 > swap dup 0.75 - 64 * 0.69314718056 * exp swap 0.75 / 2.4 pow ?",
        "dup 1 > swap dup log 0.69314718056 / 64 / 0.75 + swap 2.4 -1 pow pow 0.75 * ?",
    ),
}  # fmt: skip

_WIDE = {vs.GRAY: int(vs.GRAYS), vs.RGB: int(vs.RGBS)}
_NOTHING = np.float32(1e-5)  # total alpha below which nothing is covered
_NAMES = "xyzabcdefghijklmnopqrstuvw"  # Expr's names of its clips


def transfer_of(frame: vs.VideoFrame) -> int:
    """The frame's transfer function, a key of `CURVES`; plus PREMULTIPLIED where it is that."""
    form = frame.props.get(FORM)
    if form == LIGHT:
        return LIGHT
    found = frame.props.get("_Transfer")
    if not isinstance(found, int) or found not in CURVES:
        found = SRGB if frame.format.color_family == vs.RGB else DISPLAY
    return found + PREMULTIPLIED if form == PREMULTIPLIED else found


def averaged(clips: Sequence[vs.VideoNode], transfer: int) -> vs.VideoNode:
    """The average of up to 26 clips, RGB or GRAY of floating point, in linear light.

    transfer: a key of `CURVES`. Of 32 bits, with the properties of the first clip. NaN counts as 0.
    """
    curve = CURVES[transfer]
    wide = _WIDE[clips[0].format.color_family]
    # Clip by clip: Expr compiles one program with all curves of 16 clips in 0.3 s, these in 0.01 s
    light = [uncached(vs.core.std.Expr([c], f"x {_signed(curve.to_light)}", wide)) for c in clips]
    mean = f"{' '.join(_NAMES[: len(clips)])}{' +' * (len(clips) - 1)} {len(clips)} /"
    return _plain(light, f"{mean} {_signed(curve.to_sample)}", wide)


def averaged_with_alpha(clips: Sequence[vs.VideoNode], transfer: int) -> vs.VideoNode:
    """The same of clips whose frames have alpha: what covers more counts for more.

    transfer: as of `transfer_of`. Where nothing covers, the colour is the plain average, so that
    no black comes in; if samples are premultiplied, it is 0.
    """
    if transfer & PREMULTIPLIED:
        # the network moves colours and alpha each for itself: a colour may exceed what covers it
        colours = [_plain([straight(clip)], "x 0 max 1 min", vs.RGBS) for clip in clips]
        return uncached(premultiplied(averaged_with_alpha(colours, transfer - PREMULTIPLIED)))
    curve = CURVES[transfer]
    wide = _WIDE[clips[0].format.color_family]
    light = [_plain([clip], f"x {_signed(curve.to_light)}", wide) for clip in clips]

    def cover(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        return _covered(f[1:], weighted=transfer != LIGHT)  # which is weighted already

    # of one input, f would not be a list
    inputs = [nodes.pixels(light[0].num_frames), *light]
    mean = uncached(light[0].std.ModifyFrame(inputs, cover))
    return _plain([mean], f"x {_signed(curve.to_sample)}", wide)


def _covered(light: list[vs.VideoFrame], *, weighted: bool) -> vs.VideoFrame:
    """The average of frames in linear light, weighted with their alpha if all have one."""
    frame = light[0].copy()
    planes = [[np.asarray(p, np.float32) for p in frames.planes(each)] for each in light]
    covers: list[Plane] = [np.ones((1, 1), np.float32)] * len(light)
    if all(alphas_match(frame, each) for each in light):
        found = [alpha for each in light if (alpha := frames.alpha_of(each)) is not None]
        kind = found[0].format
        covers = [np.asarray(each[0], np.float32) / np.float32(white(kind)) for each in found]
        alpha = vs.core.create_video_frame(kind, frame.width, frame.height)
        frames.planes(alpha)[0][:] = coded(_mean(covers), kind)
        frame.props[ALPHA] = alpha
    if not weighted:
        covers = [np.ones((1, 1), np.float32)] * len(light)
    total = _sum(covers)
    for number, into in enumerate(frames.planes(frame)):
        samples = [each[number] for each in planes]
        covered = _sum([a * b for a, b in zip(samples, covers, strict=True)])
        covered /= np.maximum(total, _NOTHING)
        into[:] = np.where(total > _NOTHING, covered, _mean(samples))
    return frame


def _sum(planes: Sequence[Plane]) -> Plane:
    return functools.reduce(np.add, planes)


def _mean(planes: Sequence[Plane]) -> Plane:
    return _sum(planes) / np.float32(len(planes))


def _signed(program: str) -> str:
    return _MIRRORED.format(program)


def _plain(clips: Sequence[vs.VideoNode], program: str, into: int) -> vs.VideoNode:
    found = uncached(vs.core.std.Expr(list(clips), program, into))
    return frames.without_nan(found)
