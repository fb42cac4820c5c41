"""Transparent pictures as the network shall see them, and back.

Colours are multiplied by alpha before they are moved, or those of invisible pixels would bleed into
visible ones. The network sees them over mid-grey, on which both black and white ink move.
"""

from __future__ import annotations

from vsrife.detection.luma import Pixels

_BACKDROP = 0.5


def over_grey(picture: Pixels, *, premultiplied: bool) -> Pixels:
    """A picture (2 or 4, H, W) over grey, in place; the last channel stays its alpha.

    premultiplied: colours are multiplied by alpha already. All 0..1.
    """
    alpha = picture[-1:]
    if not premultiplied:
        picture[:-1] *= alpha
    picture[:-1] += (1 - alpha) * _BACKDROP
    return picture


def off_grey(picture: Pixels, *, premultiplied: bool) -> Pixels:
    """`over_grey` undone, in place: colours are at most alpha, and 0 where that is 0."""
    alpha = picture[-1:]
    alpha[...] = alpha.clip(0, 1)
    colour = picture[:-1]
    colour -= (1 - alpha) * _BACKDROP
    if premultiplied:
        colour[...] = colour.clip(0, 1)
        least = colour > alpha
        colour[...] = colour * ~least + alpha * least
    else:
        visible = alpha > 0
        colour /= alpha + ~visible
        colour *= visible
        colour[...] = colour.clip(0, 1)
    return picture
