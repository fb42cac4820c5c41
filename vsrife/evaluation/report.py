"""Outcomes as tables for people and files for programs."""

from __future__ import annotations

import csv
import datetime
import io
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from vsrife.evaluation.compare import Outcome
from vsrife.evaluation.measures import MEASURES
from vsrife.evaluation.methods import Method
from vsrife.version import __version__
from vsrife.weights import write_whole

Outcomes = Sequence[Outcome]
Methods = Mapping[str, Method]


def tables(outcomes: Outcomes, methods: Methods) -> str:
    """Markdown: clips by methods for each measure and the time, then the cost of networks."""
    parts = []
    for name, measure in MEASURES.items():

        def score(outcome: Outcome, method: str, name: str = name) -> float:
            return float(getattr(outcome.mean(method), name))

        parts.append(
            f"{measure.label}, more is better\n\n"
            + _by_clip(outcomes, methods, score, measure.digits)
        )
    parts.append(
        "Seconds per new frame on this machine, reading and converting included\n\n"
        + _by_clip(outcomes, methods, lambda outcome, method: outcome.seconds[method], 3)
    )
    networks = [
        [name, f"{method.parameters:,}", f"{method.cost:,.0f}"]
        for name, method in methods.items()
        if method.parameters
    ]
    if networks:
        head = ["model", "parameters", "multiply-adds per pixel"]
        parts.append("Networks\n\n" + _markdown([head, *networks]))
    return "\n".join(parts)


def write_files(outcomes: Outcomes, methods: Methods, folder: Path) -> list[Path]:
    """tables.md, summary.json and frames.csv (a line for each clip, frame and method)."""
    texts = {
        "tables.md": tables(outcomes, methods),
        "summary.json": json.dumps(_summary(outcomes, methods), indent=2) + "\n",
        "frames.csv": _frames(outcomes),
    }
    for name, text in texts.items():
        _write(folder / name, text)
    return [folder / name for name in texts]


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda part: part.write_bytes(text.encode()))


def _by_clip(
    outcomes: Outcomes, methods: Methods, score: Callable[[Outcome, str], float], digits: int
) -> str:
    groups = [(outcome.film, [outcome]) for outcome in outcomes]
    filmed = [outcome for outcome in outcomes if not outcome.drawn]
    drawn = [outcome for outcome in outcomes if outcome.drawn]
    if filmed and drawn:
        groups += [("mean of filmed", filmed), ("mean of drawn", drawn)]
    elif len(outcomes) > 1:
        groups.append(("mean", list(outcomes)))
    rows = [["clip", *methods]]
    for name, group in groups:
        # mean of clips: each has the same weight, however long it is
        values = [fmean(score(outcome, method) for outcome in group) for method in methods]
        rows.append([name, *(f"{value:.{digits}f}" for value in values)])
    return _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table that also reads well as plain text; numbers are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |\n"

    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return line(rows[0]) + f"|{rule}|\n" + "".join(map(line, rows[1:]))


def _summary(outcomes: Outcomes, methods: Methods) -> dict[str, object]:
    return {
        "vsrife": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "methods": {
            name: {"parameters": method.parameters, "multiply_adds_per_pixel": method.cost}
            for name, method in methods.items()
        },
        "clips": [
            {
                "clip": outcome.film,
                "drawn": outcome.drawn,
                "width": outcome.width,
                "height": outcome.height,
                "frames": len(outcome.scores[next(iter(methods))]),
                "mean": {
                    name: outcome.mean(name)._asdict() | {"seconds": outcome.seconds[name]}
                    for name in methods
                },
            }
            for outcome in outcomes
        ],
    }


def _frames(outcomes: Outcomes) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "frame", "method", *MEASURES])
    for outcome in outcomes:
        for name, scores in outcome.scores.items():
            for n, score in enumerate(scores):
                digits = (f"{value:.5f}" for value in score)
                writer.writerow([outcome.film, 2 * n + 1, name, *digits])
    return text.getvalue()
