"""Cases about what a picture looks like: still text, and timesteps other than one half."""

from __future__ import annotations

from fractions import Fraction
from statistics import fmean

import numpy as np
import numpy.typing as npt

from vsrife.evaluation.cases import known_motion, matching
from vsrife.evaluation.cases.case_films import MARGIN, Found, Methods, Scene, film_of, panned
from vsrife.evaluation.film import Picture
from vsrife.evaluation.scores.measures import psnr
from vsrife.media.demo_film import draw as draw_demo

TIMES = 8  # parts of the way from one kept frame to the next
_QUARTERS = 4
_WAYS = ((2, 0), (0, 1), (-3, 1))  # pixels that the ground under the text moves in a quarter
_DEMO_BEGIN, _DEMO_PAIRS, _DEMO_RATE = Fraction(1, 4), 4, 12  # seconds; kept frames per second
_DARK = np.float32(0.6)  # so that white letters stand out


def text(methods: Methods, scene: Scene) -> Found:
    """What becomes of white letters that stand still over a ground that moves."""
    width, height = scene.small
    leaves = known_motion.dead_leaves(width + MARGIN, height + MARGIN, 11)
    mask = known_motion.text_mask(height, width)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in methods}
    for way in _WAYS:
        grounds = (panned(leaves, scene.small, way, step) for step in range(_QUARTERS + 1))
        pictures = [known_motion.with_text(_DARK * ground, mask) for ground in grounds]
        film = film_of("still text", pictures, _QUARTERS)
        for name, method in methods.items():
            for picture, truth in zip(method.run(film), pictures[1:-1], strict=True):
                found[name].append(_letters(picture, truth, mask))
    columns = {name: list(zip(*each, strict=True)) for name, each in found.items()}
    return {
        name: {"off": max(off), "blur": max(blur), "psnr": fmean(scores)}
        for name, (off, blur, scores) in columns.items()
    }


def _letters(
    picture: Picture, truth: Picture, mask: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """The mean error inside the letters, 0..1; the share of contrast that their left edges lose;
    PSNR in dB of them and 8 pixels around."""
    inside = mask.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inside &= np.roll(mask, step, axis)
    edges = mask[:, 1:] & ~mask[:, :-1]  # from one pixel to the next
    box = tuple(slice(int(side.min()) - 8, int(side.max()) + 9) for side in np.nonzero(mask))
    ours, theirs = matching.grey(picture), matching.grey(truth)
    off = float(np.abs(ours - theirs)[inside].mean())
    blur = 1 - float(np.diff(ours)[edges].mean() / np.diff(theirs)[edges].mean())
    return off, blur, psnr(picture[box], truth[box])


def timesteps(methods: Methods, scene: Scene) -> Found:
    """Quality at each eighth, on the demo's film, which can be drawn at any time."""
    seconds = [
        _DEMO_BEGIN + Fraction(n, _DEMO_RATE * TIMES) for n in range(_DEMO_PAIRS * TIMES + 1)
    ]
    film = film_of("the demo's film", [draw_demo(float(t)) for t in seconds], TIMES)
    found = {}
    for name, method in methods.items():
        pairs = zip(method.run(film), film.truths(), strict=True)
        scores = [psnr(picture, truth) for picture, truth in pairs]
        found[name] = {f"t{k}": fmean(scores[k - 1 :: TIMES - 1]) for k in range(1, TIMES)}
        found[name]["mean"] = fmean(scores)
    return found
