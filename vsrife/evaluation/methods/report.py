"""Outcomes as tables for people and files for programs."""

from __future__ import annotations

import csv
import datetime
import io
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from math import isnan
from pathlib import Path

from vsrife.evaluation.cases.all_cases import CASES
from vsrife.evaluation.cases.case_films import Found
from vsrife.evaluation.markdown import number, table
from vsrife.evaluation.methods.all_methods import Method
from vsrife.evaluation.methods.groups import Outcomes, groups, mean_of
from vsrife.evaluation.methods.method_scores import Outcome
from vsrife.evaluation.methods.overview import reference_table, short_table
from vsrife.evaluation.scores.measures import ALL, LESS_IS_BETTER, measured
from vsrife.version import __version__
from vsrife.weights import write_whole

Methods = Mapping[str, Method]
Cases = Mapping[str, Found]
_NONE: Cases = {}


def tables(
    outcomes: Outcomes, methods: Methods, cases: Cases = _NONE, reference: str | None = None
) -> str:
    """Markdown: clips by methods for each measure and the time, the cost of networks, cases.

    reference: a method that the networks are compared with in a table of their own.
    """
    parts = [*_clip_tables(outcomes, methods)] if outcomes else []
    networks = [
        [name, f"{method.parameters:,}", f"{method.cost:,.0f}"]
        for name, method in methods.items()
        if method.parameters
    ]
    if networks:
        head = ["model", "parameters", "multiply-adds per pixel"]
        parts.append("Networks\n\n" + table([head, *networks]))
    parts += [f"{CASES[name].title}\n\n" + _case(name, found) for name, found in cases.items()]
    if reference is not None:
        compared = reference_table(outcomes, methods, cases, reference)
        parts.append(f"Networks beside {reference}; plus is better\n\n" + compared)
    parts.append("In short\n\n" + short_table(outcomes, methods, cases))
    return "\n".join(parts)


def write_files(
    outcomes: Outcomes,
    methods: Methods,
    folder: Path,
    cases: Cases = _NONE,
    reference: str | None = None,
) -> list[Path]:
    """tables.md, short.md, summary.json and frames.csv (a line for each clip, frame and method)."""
    texts = {
        "tables.md": tables(outcomes, methods, cases, reference),
        "short.md": short_table(outcomes, methods, cases),
        "summary.json": json.dumps(summary(outcomes, methods, cases), indent=2) + "\n",
        "frames.csv": _frames(outcomes),
    }
    for name, text in texts.items():
        _write(folder / name, text)
    return [folder / name for name in texts]


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda part: part.write_bytes(text.encode()))


def _clip_tables(outcomes: Outcomes, methods: Methods) -> Iterator[str]:
    for name in _measured(outcomes):

        def mean_score(outcome: Outcome, method: str, name: str = name) -> float:
            return float(getattr(outcome.mean(method), name))

        yield f"{_label(name)}\n\n" + _by_clip(outcomes, methods, mean_score, ALL[name].digits)
    for name in _measured(outcomes):

        def worst_score(outcome: Outcome, method: str, name: str = name) -> float:
            return float(getattr(outcome.worst_tenth(method), name))

        rows = _by_clip(outcomes, methods, worst_score, ALL[name].digits)
        yield f"Worst tenth of frames: {_label(name)}\n\n" + rows
    for outcome in outcomes:
        if outcome.factor > 2:
            yield f"{outcome.film} by timestep: PSNR in dB\n\n" + _by_timestep(outcome, methods)
    yield "Seconds per new frame on this machine, reading and converting included\n\n" + _by_clip(
        outcomes, methods, lambda outcome, method: outcome.seconds[method], 3
    )


def _label(name: str) -> str:
    return f"{ALL[name].label}, {'less' if name in LESS_IS_BETTER else 'more'} is better"


def _measured(outcomes: Outcomes) -> list[str]:
    return measured(
        [score for outcome in outcomes for scores in outcome.scores.values() for score in scores]
    )


def _by_clip(
    outcomes: Outcomes, methods: Methods, score: Callable[[Outcome, str], float], digits: int
) -> str:
    lines = [(outcome.film, [outcome]) for outcome in outcomes]
    for name, group in groups(outcomes).items():
        if len(outcomes) > 1:
            lines.append(("mean" if name == "all" else f"mean of {name}", group))
    rows = [["clip", *methods]]
    for name, group in lines:
        values = [mean_of(group, lambda outcome: score(outcome, m)) for m in methods]  # noqa: B023
        rows.append([name, *(number(value, digits) for value in values)])
    return table(rows)


def _by_timestep(outcome: Outcome, methods: Methods) -> str:
    found = {name: outcome.by_timestep(name) for name in methods}
    rows = [["timestep", *methods]]
    for at in next(iter(found.values())):
        digits = ALL["psnr"].digits
        rows.append([str(at), *(number(scores[at].psnr, digits) for scores in found.values())])
    return table(rows)


def _case(name: str, found: Found) -> str:
    figures = CASES[name].figures
    rows = [["method", *(figure.label for figure in figures.values())]]
    for method, values in found.items():
        cells = (number(values[k] * f.scale, f.digits) for k, f in figures.items())
        rows.append([method, *cells])
    return table(rows)


def summary(outcomes: Outcomes, methods: Methods, cases: Cases = _NONE) -> dict[str, object]:
    """Everything but single frames, for programs; None for what was not measured."""
    return {
        "vsrife": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "methods": {
            name: {"parameters": method.parameters, "multiply_adds_per_pixel": method.cost}
            for name, method in methods.items()
        },
        "clips": [_clip_summary(outcome, methods) for outcome in outcomes],
        "cases": {
            name: {method: _plain(values) for method, values in found.items()}
            for name, found in cases.items()
        },
    }


def _clip_summary(outcome: Outcome, methods: Methods) -> dict[str, object]:
    return {
        "clip": outcome.film,
        "drawn": outcome.drawn,
        "width": outcome.width,
        "height": outcome.height,
        "factor": outcome.factor,
        "frames": len(outcome.scores[next(iter(methods))]),
        "mean": {
            name: _plain(outcome.mean(name)._asdict()) | {"seconds": outcome.seconds[name]}
            for name in methods
        },
        "worst_tenth": {name: _plain(outcome.worst_tenth(name)._asdict()) for name in methods},
        "by_timestep": {
            name: {
                str(at): _plain(each._asdict()) for at, each in outcome.by_timestep(name).items()
            }
            for name in methods
        },
    }


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no nan."""
    return {name: None if isnan(value) else value for name, value in values.items()}


def _frames(outcomes: Outcomes) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = _measured(outcomes)
    writer.writerow(["clip", "frame", "method", *names])
    for outcome in outcomes:
        for name, scores in outcome.scores.items():
            for n, score in enumerate(scores):
                digits = (f"{getattr(score, measure):.5f}" for measure in names)
                writer.writerow([outcome.film, outcome.frame(n), name, *digits])
    return text.getvalue()
