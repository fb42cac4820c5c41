"""Ten pairs of frames with what is made between them, as one picture."""

from __future__ import annotations

from pathlib import Path

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.filter import rife
from vsrife.media.source import to_rgb
from vsrife.media.writing.encode import encode_png
from vsrife.rendering.film.source_film import Source, rife_options
from vsrife.rendering.task import Task

PAIRS = 10
_WIDTH = 480  # pixels of a picture at most


def preview(task: Task, source: Source, path: Path) -> int:
    """Write a PNG with a row for each pair: left, new in the middle, right; gives the rows.

    Cuts are not looked for: a pair across one shows what --sc prevents.
    """
    count = source.end - source.first
    pairs = min(PAIRS, count - 1)
    if pairs < 1:
        raise MediaError(
            f"a preview needs 2 frames or more, not {count}; leave --count out, or make it longer"
        )
    options = rife_options(task, source) | {"factor": "2", "sc": False, "duplicates": None}
    for name in ("fps", "vfr", "sc_clip", "duplicates_clip", "duplicates_anchor"):
        options.pop(name, None)
    smooth = to_rgb(source.as_it_was(rife(source.clip, **options)))
    width = min(_WIDTH, smooth.width)
    height = max(1, round(smooth.height * width / smooth.width))
    small = smooth.resize.Spline36(width, height, format=vs.RGB24, dither_type="none")
    rows = []
    for k in range(pairs):
        left = source.first + (count - 1) * (2 * k + 1) // (2 * pairs)
        rows.append(small[2 * left : 2 * left + 3])
    columns = [[row[n] for row in rows] for n in range(3)]
    stacks = [vs.core.std.StackVertical(column) if pairs > 1 else column[0] for column in columns]
    encode_png(vs.core.std.StackHorizontal(stacks), path)
    return pairs
