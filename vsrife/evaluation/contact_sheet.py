"""New frames of the demo's film beside the truth, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import vapoursynth as vs

from vsrife.evaluation.clips import DEMO_RATE, clip_of_pictures
from vsrife.evaluation.scores.measures import psnr
from vsrife.media.shapes import WIDTH, Array


def contact_sheet(
    rows: Sequence[int],
    source: Sequence[Array],
    made: Sequence[Array],
    truths: Mapping[int, Array],
) -> vs.VideoNode:
    """One RGB24 frame: for each new frame source | new | truth | source, labelled.

    rows: numbers of new frames; source, made: pictures (H, W, 3), 0..1, at DEMO_RATE and twice
    that; truths: the pictures that were left out, by the number of the new frame.
    """
    lines = []
    for n in rows:
        left = n // 2
        held = " (held)" if np.array_equal(made[n], source[left]) else ""
        score = f"new frame {n}, {psnr(made[n], truths[n]):.1f} dB{held}"
        tiles = (
            (source[left], f"source frame {left}"),
            (made[n], score),
            (truths[n], f"truth at {float(n / (2 * DEMO_RATE)):.3f} s"),
            (source[left + 1], f"source frame {left + 1}"),
        )
        lines.append(vs.core.std.StackHorizontal([_tile(*tile) for tile in tiles]))
    return vs.core.std.StackVertical(lines)


def _tile(picture: Array, label: str) -> vs.VideoNode:
    shown = clip_of_pictures([picture]).resize.Bicubic(format=vs.RGB24)
    strip = shown.std.BlankClip(width=WIDTH, height=48).text.Text(label, alignment=4)
    strip = strip.std.Crop(top=12, bottom=12)  # text wants a frame of 48 lines
    return vs.core.std.StackVertical([strip, shown]).std.AddBorders(right=4, bottom=4)
