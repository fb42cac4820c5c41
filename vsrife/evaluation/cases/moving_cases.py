"""Cases about where things are: pans, a fence, even steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import isnan, nan
from statistics import fmean

import numpy as np

from vsrife.evaluation.cases import known_motion, matching
from vsrife.evaluation.cases.case_films import MARGIN, WAYS, Found, Methods, Scene, film_of, panned
from vsrife.evaluation.film import Picture
from vsrife.evaluation.methods.all_methods import Method
from vsrife.evaluation.scores.measures import psnr

PANS = (16, 32, 64, 96)  # pixels from one kept frame to the next, at most MARGIN
FENCE_STEP = 9  # pixels
STEADY, STEPS = 24, 8  # pixels of the pan whose steps should be even, and how many they are
_GREY, _FAINT = np.float32(0.6), np.float32(0.1)  # ground of the fence, and its contrast


def pans(methods: Methods, scene: Scene) -> Found:
    """The share of blocks that lie where they should, halfway of a pan."""
    shares: dict[str, dict[int, list[float]]] = {
        name: {far: [] for far in PANS} for name in methods
    }
    for (photo, way), far in product(_places(scene), PANS):
        for name, share in _pan(methods, photo, scene.size, WAYS[way], far).items():
            if not isnan(share):
                shares[name][far].append(share)
    found = {}
    for name, by_far in shares.items():
        found[name] = {f"px{far}": fmean(v) if v else nan for far, v in by_far.items()}
        found[name]["least"] = min((min(v) for v in by_far.values() if v), default=nan)
    return found


def _places(scene: Scene) -> Iterator[tuple[Picture, str]]:
    if scene.photos:
        yield from product(scene.photos, WAYS)
        return
    width, height = (side + MARGIN for side in scene.size)
    for seed, way in enumerate(WAYS):
        yield known_motion.dead_leaves(width, height, seed), way


def _pan(
    methods: Methods, photo: Picture, size: tuple[int, int], way: tuple[int, int], far: int
) -> dict[str, float]:
    """nan: the photograph is too plain for any block to tell its place."""
    # what one of the kept frames does not show is anybody's guess
    edge = (far + matching.BLOCK) * abs(way[1]), (far + matching.BLOCK) * abs(way[0])
    inner = tuple(slice(side, total - side) for side, total in zip(edge, size[::-1], strict=True))
    room = min(far // 2 + 6, MARGIN // 2)  # to the ends of the pan, and a little
    shifts = [float(shift) for shift in range(-room, room + 1)]

    def draw(shift: float) -> matching.Grey:
        return matching.grey(panned(photo, size, way, shift)[inner])

    pictures = [panned(photo, size, way, shift) for shift in (-far / 2, 0, far / 2)]
    film = film_of(f"pan of {far} px", pictures)
    own = matching.block_errors(draw(0), draw, shifts)
    counted = matching.distinct(own, shifts, 0.0)
    if not counted.any():
        return dict.fromkeys(methods, nan)

    def share(method: Method) -> float:
        picture = matching.grey(next(method.run(film))[inner])
        errors = matching.block_errors(picture, draw, shifts)
        return matching.share_near(errors, shifts, 0.0, counted=counted)

    return {name: share(method) for name, method in methods.items()}


def fence(methods: Methods, scene: Scene) -> Found:
    """The share of blocks of a fence that went the short way, four ways."""
    width, height = scene.small
    leaves = known_motion.dead_leaves(width + MARGIN, height + MARGIN, 7)
    ground = _GREY + _FAINT * (leaves - np.float32(0.5))  # the bars are what is easy to follow
    shares: dict[str, list[float]] = {name: [] for name in methods}
    scores: dict[str, list[float]] = {name: [] for name in methods}
    for way in WAYS.values():
        draw = _fence_along(ground, scene.small, way)
        half = FENCE_STEP / 2
        film = film_of("fence", [draw(-half), draw(0), draw(half)])
        for name, method in methods.items():
            picture = next(method.run(film))
            shares[name].append(_bars_right(picture, draw))
            scores[name].append(psnr(picture, draw(0)))
    return {
        name: {"right": fmean(each), "least": min(each), "psnr": fmean(scores[name])}
        for name, each in shares.items()
    }


def _fence_along(
    ground: Picture, size: tuple[int, int], way: tuple[int, int]
) -> Callable[[float], Picture]:
    def draw(shift: float) -> Picture:
        moved = panned(ground, size, way, shift)
        return known_motion.fence(moved, (way[0] + way[1]) * shift, lying=bool(way[1]))

    return draw


def _bars_right(picture: Picture, draw: Callable[[float], Picture]) -> float:
    side = matching.BLOCK
    inner = slice(side, -side), slice(side, -side)
    period = known_motion.FENCE_PERIOD
    shifts = [step / 2 for step in range(-period, period)]

    def look(shift: float) -> matching.Grey:
        return matching.grey(draw(shift)[inner])

    # the mean of both frames has bars in the middle, too, but faint: what is right must be 6 dB
    # better than that
    mean = np.float32(0.5) * (look(-FENCE_STEP / 2) + look(FENCE_STEP / 2))
    most = matching.block_errors(mean, look, [0.0])[0] / 4
    errors = matching.block_errors(matching.grey(picture[inner]), look, shifts)
    return matching.share_near(errors, shifts, 0.0, most=most)


def evenness(methods: Methods, scene: Scene) -> Found:
    """How even the steps of a pan are."""
    width, height = scene.small
    photo = known_motion.dead_leaves(width + MARGIN, height + MARGIN, 13)
    found: Found = {name: {"step": 0.0, "place": 0.0} for name in methods}
    even = np.arange(STEPS + 1) * STEADY / STEPS
    shifts = [float(shift) for shift in range(-2, STEADY + 3)]
    edge = STEADY + 8
    inner = slice(edge, -edge), slice(edge, -edge)
    for way in (WAYS["right"], WAYS["down"]):

        def look(shift: float, way: tuple[int, int] = way) -> matching.Grey:
            return matching.grey(panned(photo, scene.small, way, shift)[inner])

        pictures = [panned(photo, scene.small, way, shift) for shift in even]
        film = film_of("pan in eighths", pictures, STEPS)
        for name, method in methods.items():
            made = (matching.grey(picture[inner]) for picture in method.run(film))
            places = [0.0, *(matching.place_of(each, look, shifts) for each in made), STEADY]
            steps = np.diff(places) * STEPS / STEADY
            figures = found[name]
            figures["step"] = max(figures["step"], float(np.abs(steps - 1).max()))
            figures["place"] = max(figures["place"], float(np.abs(places - even).max()))
    return found
