"""Runs every method on every frame that was left out: scores, times, and the worst frames."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.measures import Judge, Scores
from vsrife.evaluation.methods import Method


@dataclass
class Moment:
    """Frame number `frame` of the film: its neighbours, the truth, and what the methods made."""

    frame: int
    score: float
    left: Picture
    right: Picture
    truth: Picture
    made: dict[str, Picture]


@dataclass
class Outcome:
    """Of one film. scores: by method, one for each of the frames 1, 3, 5 ...; seconds: by method,
    per frame, with reading and converting; worst: the worst frame first."""

    film: str
    drawn: bool
    width: int
    height: int
    scores: dict[str, list[Scores]]
    seconds: dict[str, float]
    worst: list[Moment] = field(default_factory=list)

    def mean(self, method: str) -> Scores:
        return Scores(*(float(value) for value in np.mean(self.scores[method], 0)))


def compare(film: Film, methods: Mapping[str, Method], *, judged: str, worst: int = 0) -> Outcome:
    """Run `methods` side by side. worst: frames to keep, those of lowest PSNR of `judged`."""
    source = film.source
    outcome = Outcome(
        film.name, film.drawn, source.width, source.height, {name: [] for name in methods}, {}
    )
    judge = Judge(source.width, source.height)
    running = {name: method.run(film) for name, method in methods.items()}
    spent = dict.fromkeys(methods, 0.0)
    kept = film.pictures(film.kept)
    for n, (truth, (left, right)) in enumerate(zip(film.truths(), pairwise(kept), strict=True)):
        made = {}
        for name, pictures in running.items():
            started = time.perf_counter()
            made[name] = next(pictures)
            spent[name] += time.perf_counter() - started
            outcome.scores[name].append(judge(made[name], truth))
        moment = Moment(2 * n + 1, outcome.scores[judged][-1].psnr, left, right, truth, made)
        outcome.worst = sorted([*outcome.worst, moment], key=lambda m: m.score)[:worst]
    outcome.seconds = {name: spent[name] / film.count for name in methods}
    return outcome
