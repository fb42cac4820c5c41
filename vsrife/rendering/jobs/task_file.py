"""A task as a file beside its segments, for workers. Text only: nothing in it is run."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsrife.errors import MediaError
from vsrife.media.writing.encoders import Encoding
from vsrife.rendering.film.ramp import Line
from vsrife.rendering.film.span import Place, Span
from vsrife.rendering.jobs.manifest import read_json, write_json
from vsrife.rendering.task import Task

NAME = "task.json"
_PATHS = ("source", "target", "before", "after")
_OTHERS = ("cfr", "slow", "loop", "on_error", "unreadable")
_KINDS = {"path": Path, "fraction": Fraction}


def save(task: Task, folder: Path) -> None:
    data: dict[str, Any] = {name: _plain(getattr(task, name)) for name in _PATHS}
    data["options"] = {name: _plain(value) for name, value in task.options.items()}
    data["encoding"] = asdict(task.encoding)
    data["span"] = [_plain_place(place) for place in task.span]
    data["ramp"] = (
        None
        if task.ramp is None
        else [[_plain_place(line.source), _plain(line.output), *line[2:]] for line in task.ramp]
    )
    data["rate_in"] = _plain(task.rate_in)
    for name in _OTHERS:
        data[name] = getattr(task, name)
    write_json(folder / NAME, data)


def load(folder: Path, source: Path | None = None) -> Task:
    """The task in a folder; source: where its source is on this machine. MediaError for none."""
    data = read_json(folder / NAME)
    try:
        if data is None:
            raise KeyError(NAME)
        encoding = dict(data["encoding"])
        encoding["options"] = tuple((str(a), str(b)) for a, b in encoding["options"])
        encoding["pipe"] = tuple(encoding["pipe"])
        paths = {name: _read(data[name]) for name in _PATHS}
        if source is not None:
            paths["source"] = source
        return Task(
            **paths,
            options={name: _read(value) for name, value in data["options"].items()},
            encoding=Encoding(**encoding),
            span=Span(*map(_read_place, data["span"])),
            ramp=None
            if data["ramp"] is None
            else tuple(
                Line(_read_place(place), _read(output), *about)
                for place, output, *about in data["ramp"]
            ),
            rate_in=_read(data["rate_in"]),
            **{name: _read(data[name]) for name in _OTHERS},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MediaError(
            f"{folder} holds no render that can be joined; give the folder .OUT.segments of one "
            "that is running"
        ) from error


def _plain(value: object) -> object:
    """A value as JSON has them; paths become absolute."""
    if isinstance(value, Path):
        return {"path": str(value.absolute())}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, tuple):
        return list(value)
    return value


def _plain_place(place: Place | None) -> object:
    return None if place is None else [_plain(each) for each in place]


def _read_place(data: Any) -> Place | None:
    return None if data is None else Place(*map(_read, data))


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _KINDS[kind](text)
    return tuple(value) if isinstance(value, list) else value
