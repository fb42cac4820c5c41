"""Everything in one table: a row for each method, or a column for each model beside another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, nan

from vsrife.evaluation.cases.all_cases import CASES
from vsrife.evaluation.cases.case_films import Found
from vsrife.evaluation.markdown import difference, number, table
from vsrife.evaluation.methods.all_methods import Method
from vsrife.evaluation.methods.groups import Outcomes, groups, mean_of
from vsrife.evaluation.methods.method_scores import Outcome
from vsrife.evaluation.scores.measures import ALL, LESS_IS_BETTER, Scores, measured

Methods = Mapping[str, Method]
Cases = Mapping[str, Found]
_SHORT = {"psnr": "PSNR", "ssimulacra2": "SSIMULACRA 2", "butteraugli": "Butteraugli",
          "lpips": "LPIPS"}  # fmt: skip

_MAIN = ("psnr", "ssimulacra2")


def short_table(outcomes: Outcomes, methods: Methods, cases: Cases) -> str:
    """A row for each method: means over the clips, worst tenths, headlines of cases, time."""
    columns: list[tuple[str, Callable[[str], str]]] = []
    shown = [name for name in _all_measured(outcomes) if name in _SHORT]
    for group_name, group in groups(outcomes).items():
        of = "" if group_name == "all" else f", {group_name}"
        for measure in shown:
            columns.append((_SHORT[measure] + of, _mean_cell(group, measure)))
        columns.append((f"worst tenth, dB{of}", _worst_cell(group)))
    for case, found in cases.items():
        key, label = CASES[case].headline
        columns.append((label, _case_cell(case, key, found)))
    if outcomes:
        columns.append(("s per frame", lambda method: number(_seconds(outcomes, method), 3)))
    rows = [["method", *(label for label, _ in columns)]]
    rows += [[method, *(cell(method) for _, cell in columns)] for method in methods]
    return table(rows)


def reference_table(outcomes: Outcomes, methods: Methods, cases: Cases, reference: str) -> str:
    """A column for each network: its figures against `reference`, and against the best method
    without a network, clip by clip. Plus is better, time apart."""
    networks = [name for name, method in methods.items() if method.file and name != reference]
    lines: list[tuple[str, Callable[[str], str]]] = []
    for group_name, group in groups(outcomes).items():
        of = "" if group_name == "all" else f" of {group_name} clips"
        for measure in _MAIN if "ssimulacra2" in _all_measured(outcomes) else _MAIN[:1]:
            label = f"{ALL[measure].label}, mean{of}, against {reference}"
            lines.append((label, _against(group, measure, reference)))
    if outcomes:
        label = f"PSNR in dB, worst single clip, against {reference}"
        lines.append((label, _worst_clip(outcomes, lambda outcome: reference)))
        lines += _against_classical(outcomes, methods)
    lines += [_case_line(case, key, found) for case, found in cases.items()
              for key in CASES[case].figures]  # fmt: skip
    if outcomes:
        lines.append((f"time per new frame, filter, share of {reference}'s",
                      _time_share(outcomes, reference)))  # fmt: skip
    lines.append(("weights file in MB", lambda model: _megabytes(methods[model])))
    rows = [["", *networks, reference]]
    rows += [[label, *(cell(model) for model in (*networks, reference))] for label, cell in lines]
    return table(rows)


def _all_measured(outcomes: Outcomes) -> list[str]:
    return measured([score for outcome in outcomes for scores in outcome.scores.values()
                     for score in scores])  # fmt: skip


def _value(scores: Scores, measure: str) -> float:
    return float(getattr(scores, measure))


def _mean(group: Outcomes, measure: str, method: str) -> float:
    return mean_of(group, lambda outcome: _value(outcome.mean(method), measure))


def _mean_cell(group: Outcomes, measure: str) -> Callable[[str], str]:
    return lambda method: number(_mean(group, measure, method), ALL[measure].digits)


def _worst_cell(group: Outcomes) -> Callable[[str], str]:
    return lambda method: number(
        mean_of(group, lambda outcome: outcome.worst_tenth(method).psnr), ALL["psnr"].digits
    )


def _case_cell(case: str, key: str, found: Found) -> Callable[[str], str]:
    _, digits, scale = CASES[case].figures[key]
    return lambda method: number(found[method][key] * scale, digits)


def _case_line(case: str, key: str, found: Found) -> tuple[str, Callable[[str], str]]:
    return f"{case}: {CASES[case].figures[key].label}", _case_cell(case, key, found)


def _seconds(outcomes: Outcomes, method: str) -> float:
    return mean_of(outcomes, lambda outcome: outcome.seconds[method])


def _against(group: Outcomes, measure: str, reference: str) -> Callable[[str], str]:
    sign = -1 if measure in LESS_IS_BETTER else 1

    def cell(model: str) -> str:
        gained = _mean(group, measure, model) - _mean(group, measure, reference)
        return difference(sign * gained, ALL[measure].digits)

    return cell


def _worst_clip(outcomes: Outcomes, other: Callable[[Outcome], str]) -> Callable[[str], str]:
    """The least that a model gains on any clip."""

    def cell(model: str) -> str:
        gains = (
            outcome.mean(model).psnr - outcome.mean(other(outcome)).psnr for outcome in outcomes
        )
        return difference(min(gains), 2)

    return cell


def _against_classical(
    outcomes: Outcomes, methods: Methods
) -> list[tuple[str, Callable[[str], str]]]:
    classical = [name for name, method in methods.items() if not method.file]
    if not classical:
        return []

    def best(outcome: Outcome) -> str:
        return max(classical, key=lambda name: outcome.mean(name).psnr)

    lines: list[tuple[str, Callable[[str], str]]] = []
    for name, group in groups(outcomes).items():
        of = "" if name == "all" else f"{name} "

        def cell(model: str, group: Outcomes = group) -> str:
            ours = _mean(group, "psnr", model)
            theirs = max(_mean(group, "psnr", other) for other in classical)
            return difference(ours - theirs, 2)

        lines.append((f"PSNR in dB, mean of {of}clips, against the best classical", cell))
        label = f"PSNR in dB, worst single {of}clip, against the best classical"
        lines.append((label, _worst_clip(group, best)))
    return lines


def _time_share(outcomes: Outcomes, reference: str) -> Callable[[str], str]:
    whole = _seconds(outcomes, reference)
    return lambda model: number(_seconds(outcomes, model) / whole if whole else inf, 2)


def _megabytes(method: Method) -> str:
    return number(method.file.stat().st_size / 1e6 if method.file else nan, 1)
