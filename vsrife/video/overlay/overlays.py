"""Overlays that must not move with the picture: subtitles, logos, scoreboards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import vapoursynth as vs
import vsutil

from vsrife.errors import ArgumentError
from vsrife.video import frames
from vsrife.video.colour import Route
from vsrife.video.frames import uncached
from vsrife.video.overlay import half_transparent, layers
from vsrife.video.plans import Plan

AUTO = "auto"  # protect half-transparent overlays, too

# In steps of 8-bit luma
_STATIC = 6  # largest difference of static pixels: grain, compression
_MOVES = 12  # moving pixels differ by more
_OUTLINE = 15  # brightness changes by more across an outline, over two pixels
_ACROSS, _DOWN = (0, 0, 0, -1, 0, 1, 0, 0, 0), (0, -1, 0, 0, 0, 0, 0, 1, 0)
_NEAR = 3  # largest distance of the outlines of a letter, pixels
_SHARE = 5  # least moving share of a stretch on one side of an outline, of 255
_REACH = 4  # a stretch is 1 / 4 of the picture's width long
_GROWTH = 1  # pixels of even colour beside an outline that count too


def check_mask(mask: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """`mask` as a grey clip with the depth of `clip`; ArgumentError if it does not fit `clip`."""
    if mask.format is None or mask.format.color_family != vs.GRAY:
        name = "one of variable format" if mask.format is None else mask.format.name
        raise ArgumentError(
            f"mask must be a grey clip, not {name}; take a plane of it with std.ShufflePlanes"
        )
    for what, ours, theirs in (
        ("width", clip.width, mask.width),
        ("height", clip.height, mask.height),
        ("number of frames", clip.num_frames, mask.num_frames),
    ):
        if ours != theirs:
            raise ArgumentError(
                f"mask must have the clip's {what}, {ours}, not {theirs}; make it fit with "
                "resize, std.Loop or std.Trim"
            )
    grey = vs.core.query_video_format(
        vs.GRAY, clip.format.sample_type, clip.format.bits_per_sample, 0, 0
    )
    return _scaled(frames.without_props(mask), grey)


def _scaled(mask: vs.VideoNode, grey: vs.VideoFormat) -> vs.VideoNode:
    """`mask` in format `grey`. Expr, not the resizer: that would depend on the color range."""
    if mask.format.sample_type == vs.INTEGER and mask.format.bits_per_sample > 16:
        mask = _as_float(mask)  # Expr takes at most 16 bits
    if mask.format.sample_type == vs.FLOAT:
        mask = frames.without_nan(mask)  # NaN protects nothing
    scale = frames.white(grey) / frames.white(mask.format)
    return mask if mask.format.id == grey.id else mask.std.Expr(f"x {scale!r} *", grey.id)


def _as_float(mask: vs.VideoNode) -> vs.VideoNode:
    blank = mask.std.BlankClip(format=vs.GRAYS, keep=True)
    largest = frames.white(mask.format)

    def divide(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        np.asarray(frame[0])[:] = np.asarray(f[1][0]) / largest
        return frame

    return blank.std.ModifyFrame([blank, mask], divide)


def static_mask(
    before: vs.VideoNode, left: vs.VideoNode, right: vs.VideoNode, after: vs.VideoNode
) -> vs.VideoNode:
    """White (GRAY8, soft border) on static outlines with motion around them.

    before, left, right, after: GRAY8, consecutive source frames around each new one. An outline is
    static if it is equal in `left`, `right` and one of the others. It belongs to an overlay if
    something moves on at least three of its four sides. Even colour counts only beside such
    outlines: elsewhere it may be a wall that something passes.
    """
    static = vs.core.std.Expr(
        [before, left, right, after],
        f"y z - abs {_STATIC} <= x y - abs {_STATIC} <= z a - abs {_STATIC} <= or and 255 0 ?",
    )
    moving = vs.core.std.Expr([left, right], f"x y - abs {_MOVES} > 255 0 ?")
    # Lettering has vertical and horizontal outlines. An outline parallel to the motion, such as
    # the horizon in a pan, looks static.
    sources = (before, left, right, after)
    vertical, horizontal = (
        vs.core.std.Expr(
            [static, *(f.std.Convolution(slope, saturate=False) for f in sources)],
            f"z {_OUTLINE} > a {_OUTLINE} > and y {_OUTLINE} > b {_OUTLINE} > or and x 0 ?",
        )
        for slope in (_ACROSS, _DOWN)
    )
    both = vs.core.std.Expr([_wider(vertical, _NEAR), _wider(horizontal, _NEAR)], "x y min")
    seed = vs.core.std.Expr([static, both, _surrounded(moving)], "x y min z min")
    for _ in range(_GROWTH):
        seed = vs.core.std.Expr([seed.std.Maximum(), static], "x y min")
    border = seed.std.Maximum().std.BoxBlur(hradius=1, hpasses=2, vradius=1, vpasses=2)
    return vs.core.std.Expr([seed, border], "x y max")


def _wider(mask: vs.VideoNode, pixels: int) -> vs.VideoNode:
    for _ in range(pixels):
        mask = mask.std.Maximum()
    return mask


def _surrounded(moving: vs.VideoNode) -> vs.VideoNode:
    """White where part of `moving` is white on at least three of the four sides."""
    radius = max(1, moving.width // (2 * _REACH))
    far = radius + 1
    across = moving.std.BoxBlur(hradius=radius, vradius=0, vpasses=0)
    down = moving.std.BoxBlur(hradius=0, hpasses=0, vradius=radius)
    sides = [_moved(across, far, 0), _moved(across, -far, 0), _moved(down, 0, far),
             _moved(down, 0, -far)]  # fmt: skip
    found = [f"{name} {_SHARE} >= " for name in "xyza"]
    return vs.core.std.Expr(sides, f"{found[0]}{found[1]}+ {found[2]}+ {found[3]}+ 3 >= 255 0 ?")


def _moved(clip: vs.VideoNode, x: int, y: int) -> vs.VideoNode:
    """`clip` moved right by x and down by y pixels; the uncovered border is black."""
    wide = clip.std.AddBorders(left=max(x, 0), right=max(-x, 0), top=max(y, 0), bottom=max(-y, 0))
    return wide.std.CropAbs(clip.width, clip.height, left=max(-x, 0), top=max(-y, 0))


def _all_planes(mask: vs.VideoNode, kind: vs.VideoFormat) -> vs.VideoNode:
    """`mask` with a plane for each plane of the format `kind`, subsampled like it."""
    if kind.num_planes == 1:
        return mask
    width, height = mask.width >> kind.subsampling_w, mask.height >> kind.subsampling_h
    small = (
        mask
        if (width, height) == (mask.width, mask.height)
        else mask.resize.Bilinear(width, height)
    )
    return vsutil.join([mask, small, small], kind.color_family)


@dataclass(frozen=True)
class Protection:
    """mask: from `check_mask`, as long as the source; lettering: protect detected lettering;
    half_transparent: move the ground under overlays by itself."""

    mask: vs.VideoNode | None
    lettering: bool
    half_transparent: bool = False

    def of_samples(self) -> Protection | None:
        """What applies to the pictures of which motion blur is the average."""
        return Protection(None, False, True) if self.half_transparent else None

    def found(self, clip: vs.VideoNode, route: Route | None, plan: Plan) -> vs.VideoNode:
        """`layers.between` of the output. clip: the source; no route: the ground's motion alone."""
        if route is None:
            return layers.between(half_transparent.moving(clip), plan)
        # nodes of their own: only here, frames are needed many at a time
        working = route.to_working(clip)
        if not route.direct:
            window = half_transparent.BEFORE + half_transparent.AFTER + vs.core.num_threads
            working.std.SetVideoCache(mode=1, fixedsize=1, maxsize=window)
        return layers.between(half_transparent.found(clip, working), plan)

    def over(
        self,
        new: vs.VideoNode,
        near: vs.VideoNode,
        clip: vs.VideoNode,
        plan: Plan,
        overlays: vs.VideoNode | None = None,
    ) -> vs.VideoNode:
        """`new`, with the protected pixels taken from `near`.

        near: the nearer source frame for each new one, in the same format; clip: the source.
        overlays: which `new` has already, from `found`.
        """
        masks: list[vs.VideoNode] = []
        if self.mask is not None:
            blank = new.std.BlankClip(format=self.mask.format.id, keep=True)
            around = plan.neighbours(self.mask, blank)
            masks += [around.left, around.right]
        if self.lettering:
            grey = frames.luma(clip)
            blank = new.std.BlankClip(format=vs.GRAY8, keep=True)
            around = plan.neighbours(grey, blank)
            # at an end there is no frame before or after: that on the other side counts alone
            end = grey.num_frames - 1
            first, last = grey[min(2, end)], grey[max(end - 2, 0)]
            before = plan.neighbours(uncached(first + uncached(grey[:-1])), blank).left
            after = plan.neighbours(uncached(uncached(grey[1:]) + last), blank).right
            static = static_mask(before, around.left, around.right, after)
            if overlays is not None:
                static = layers.left_out(static, overlays, around.left, around.right)
            masks.append(check_mask(static, near))
        if not masks:
            return new
        names = "xyz"[: len(masks)]
        mask = vs.core.std.Expr(masks, " ".join(names) + " max" * (len(masks) - 1))
        if new.format.sample_type == vs.INTEGER:
            return new.std.MaskedMerge(near, mask)
        # Where the mask is 1, x + (y - x) * mask is y only up to rounding; and an infinite source
        # sample must not change unprotected pixels
        near = frames.without_nan(near)
        merge = "z 1 >= y z 0 <= x y x - z * x + ? ?"
        return vs.core.std.Expr([new, near, _all_planes(mask, new.format)], merge)
