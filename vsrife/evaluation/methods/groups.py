"""Clips in groups: filmed and drawn ones, whose means are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from vsrife.evaluation.methods.method_scores import Outcome

Outcomes = Sequence[Outcome]


def groups(outcomes: Outcomes) -> dict[str, list[Outcome]]:
    """By name: "filmed" and "drawn" where there are both, else "all"; none without clips."""
    filmed = [outcome for outcome in outcomes if not outcome.drawn]
    drawn = [outcome for outcome in outcomes if outcome.drawn]
    if filmed and drawn:
        return {"filmed": filmed, "drawn": drawn}
    return {"all": list(outcomes)} if outcomes else {}


def mean_of(group: Outcomes, score: Callable[[Outcome], float]) -> float:
    """The mean of clips: each has the same weight, however long it is."""
    return fmean(score(outcome) for outcome in group)
