"""Runs every method on every frame that was left out: scores, times, and the worst frames."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.methods.all_methods import Method
from vsrife.evaluation.scores.measures import Judge, Lpips, Scores, mean, worst_tenth


@dataclass
class Moment:
    """Frame number `frame` of the film: the kept frames around it, the truth, and what the methods
    made. score: the PSNR of the method that did badly."""

    frame: int
    score: float
    left: Picture
    right: Picture
    truth: Picture
    made: dict[str, Picture]


@dataclass
class Outcome:
    """Of one film. scores: by method, one for each frame that was left out, in order; seconds: by
    method, per frame, with reading and converting; worst: by method, its worst frame first."""

    film: str
    drawn: bool
    width: int
    height: int
    scores: dict[str, list[Scores]]
    seconds: dict[str, float]
    worst: dict[str, list[Moment]] = field(default_factory=dict)
    factor: int = 2

    def mean(self, method: str) -> Scores:
        return mean(self.scores[method])

    def worst_tenth(self, method: str) -> Scores:
        return worst_tenth(self.scores[method])

    def frame(self, n: int) -> int:
        """The film's number of the n-th frame that was left out."""
        pair, step = divmod(n, self.factor - 1)
        return pair * self.factor + step + 1

    def by_timestep(self, method: str) -> dict[Fraction, Scores]:
        """The mean at each timestep."""
        steps = self.factor - 1
        scores = self.scores[method]
        return {Fraction(k + 1, self.factor): mean(scores[k::steps]) for k in range(steps)}


def score_methods(
    film: Film,
    methods: Mapping[str, Method],
    *,
    judged: Sequence[str] = (),
    worst: int = 0,
    lpips: Lpips | None = None,
) -> Outcome:
    """Run `methods` side by side.

    judged: methods whose frames of lowest PSNR are kept, `worst` of each. lpips: to measure it too.
    """
    size = film.source.width, film.source.height
    scores: dict[str, list[Scores]] = {name: [] for name in methods}
    outcome = Outcome(film.name, film.drawn, *size, scores, {}, {}, film.factor)
    judge = Judge(*size, lpips)
    running = {name: method.run(film) for name, method in methods.items()}
    spent = dict.fromkeys(methods, 0.0)
    sides = _sides(film)
    for frame, truth, (left, right) in zip(film.left_out, film.truths(), sides, strict=True):
        made = {}
        for name, pictures in running.items():
            started = time.perf_counter()
            made[name] = next(pictures)
            spent[name] += time.perf_counter() - started
            scores[name].append(judge(made[name], truth))
        for name in judged if worst else ():
            moment = Moment(frame, scores[name][-1].psnr, left, right, truth, made)
            kept = [*outcome.worst.get(name, []), moment]
            outcome.worst[name] = sorted(kept, key=lambda each: each.score)[:worst]
    outcome.seconds = {name: spent[name] / film.count for name in methods}
    return outcome


def _sides(film: Film) -> Iterator[tuple[Picture, Picture]]:
    """The kept frames around each frame that was left out."""
    for sides in pairwise(film.pictures(film.kept)):
        yield from [sides] * (film.factor - 1)
