"""The contest's rows and profiles as tables, for programs, and as a plot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vsrife.evaluation import plotting
from vsrife.evaluation.timing.contest import Row
from vsrife.evaluation.timing.profile import OUTSIDE
from vsrife.evaluation.timing.profile import Row as ProfileRow

STAGES = ("to_working", "prepare", "interpolate", "to_source", "rest")


def table(rows: Sequence[Row], backends: Sequence[str]) -> list[str]:
    """Seconds of all contenders, and how many times as fast as the first one each is."""
    names = list(dict.fromkeys([*backends, *(name for row in rows for name in row.seconds)]))
    lines = [["model", "size", "part", *names]]
    for row in rows:
        first = row.seconds[names[0]]
        cells = [
            f"{row.seconds[name]:.4f} s {first / row.seconds[name]:5.2f}x"
            if name in row.seconds
            else "-"
            for name in names
        ]
        lines.append([_short(row.model), _size(row), row.part, *cells])
    return _aligned(lines)


def details(row: Row) -> list[str]:
    """What was measured of each contender beside its speed; stages in milliseconds."""
    about = row.details
    titles = [
        "new frames/s",
        "CPU time",
        "over network",
        *STAGES,
        "first",
        "random",
        "memory",
        "moved",
    ]
    lines = [[f"{_short(row.model)} {_size(row)}", *titles]]
    for name in row.seconds:
        stages = about["stages"].get(name, {})
        memory, moved = about["peak_memory"][name], about["bytes_moved"].get(name)
        over = about["over_network"].get(name)
        lines.append(
            [
                name,
                f"{about['frames_per_second'][name]:.2f}",
                f"{about['cpu_seconds'][name]:.3f} s",
                f"{over:.3f}" if over else "-",
                *(f"{stages[stage] * 1e3:.1f} ms" if stages else "-" for stage in STAGES),
                f"{about['first_frame'][name]:.2f} s",
                f"{about['random_frame'][name] * 1e3:.0f} ms",
                f"{memory / 2**20:.0f} MiB" if memory else "-",
                f"{moved / 1e6:.1f} MB" if moved else "-",
            ]
        )
    return _aligned(lines)


def plain(row: Row) -> dict[str, Any]:
    """A row as JSON."""
    return {
        "model": row.model,
        "width": row.size[0],
        "height": row.size[1],
        "part": row.part,
        "seconds": _rounded(row.seconds),
        **{name: _rounded(values) for name, values in row.details.items()},
    }


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value)
        if isinstance(value, Mapping)
        else round(value, 5)
        if isinstance(value, float)
        else value
        for name, value in values.items()
    }


def profile_table(rows: Iterable[ProfileRow]) -> list[str]:
    """Stages and their kinds of operations; the names that a runtime has for the longest ones."""
    lines, stage = [["stage", "kind", "time", "share", "operations"]], ""
    rows = list(rows)
    for row in rows:
        if row.stage != stage:
            stage = row.stage
            whole = sum(each.seconds for each in rows if each.stage == stage)
            lines.append([stage, "" if stage == OUTSIDE else "all", f"{whole * 1e3:.2f} ms"])
        if stage != OUTSIDE:
            names = ", ".join(list(row.operations)[:3])
            lines.append(["", row.kind, f"{row.seconds * 1e3:.2f} ms", f"{row.share:.0%}", names])
    return _aligned([[*line, *[""] * (5 - len(line))] for line in lines])


def plain_profile(row: ProfileRow) -> dict[str, Any]:
    return {
        "stage": row.stage,
        "kind": row.kind,
        "seconds": round(row.seconds, 7),
        "share": round(row.share, 4),
        "operations": {name: round(value, 7) for name, value in row.operations.items()},
    }


def plot(rows: Sequence[Row], path: Path) -> None:
    """Milliseconds of a new frame by stage, a bar for each contender, as PNG into that file."""
    figure_class = plotting.figure_class("--plot")
    from matplotlib.patches import Patch

    height = 1.5 + 0.45 * sum(len(row.seconds) for row in rows)
    figure = figure_class(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    labels: list[str] = []
    for row in rows:
        for name, seconds in row.seconds.items():
            stages = row.details.get("stages", {}).get(name) or {"all": seconds}
            start = 0.0
            for part, spent in stages.items():
                color = f"C{(*STAGES, 'all').index(part)}"
                axes.barh(len(labels), max(0.0, spent) * 1e3, left=start, color=color)
                start += max(0.0, spent) * 1e3
            axes.text(start, len(labels), f" {seconds * 1e3:.0f} ms", va="center")
            labels.append(f"{_short(row.model)} {_size(row)} {name}")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("milliseconds of a new frame and the source frame beside it")
    handles = [Patch(color=f"C{n}", label=name) for n, name in enumerate((*STAGES, "all"))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize="small")
    figure.savefig(path, format="png")


def _short(model: str) -> str:
    """A name, or of a path the file's."""
    return Path(model).name


def _size(row: Row) -> str:
    return f"{row.size[0]}x{row.size[1]}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
