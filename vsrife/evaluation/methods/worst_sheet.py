"""The worst frames of a method, out of all clips, side by side with the truth and a reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from vsrife.evaluation.methods.method_scores import Moment, Outcome
from vsrife.evaluation.scores.measures import Picture, psnr

MOST_ROWS = 10
_WIDTH = 384  # pixels of a tile at the most
_STRIP, _GAP = 16, 4  # pixels of a label above its tile, and between tiles


def worst_sheet(outcomes: Sequence[Outcome], method: str, reference: str | None) -> Image.Image:
    """A row for each frame, the worst first: left | truth | method | reference | right."""
    moments = [
        (outcome.film, moment) for outcome in outcomes for moment in outcome.worst.get(method, [])
    ]
    moments.sort(key=lambda found: found[1].score)
    rows = [_row(film, moment, method, reference) for film, moment in moments[:MOST_ROWS]]
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width, sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def image(picture: Picture) -> Image.Image:
    """(H, W, 3) in 0..1, what is beyond cut off, in 8 bits."""
    return Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))


def _row(film: str, moment: Moment, method: str, reference: str | None) -> Image.Image:
    shown = [method] if reference in (None, method) else [method, str(reference)]
    tiles = [("left", moment.left), (f"truth, {film}, frame {moment.frame}", moment.truth)]
    for name in shown:
        made = moment.made[name]
        tiles.append((f"{name}, {psnr(made, moment.truth):.2f} dB", made))
    tiles.append(("right", moment.right))
    height, width, _ = moment.truth.shape
    size = min(_WIDTH, width), max(1, round(height * min(_WIDTH, width) / width))
    row = Image.new("RGB", (len(tiles) * (size[0] + _GAP), size[1] + _STRIP + _GAP), "white")
    pen = ImageDraw.Draw(row)
    for column, (label, picture) in enumerate(tiles):
        left = column * (size[0] + _GAP)
        pen.text((left + 2, 2), label, fill="black")
        row.paste(image(picture).resize(size, Image.Resampling.LANCZOS), (left, _STRIP))
    return row
