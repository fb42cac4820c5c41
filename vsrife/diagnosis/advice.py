"""The next command for what is missing, broken or slow."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import NamedTuple

from vsrife.diagnosis.diagnosis import Diagnosis
from vsrife.diagnosis.surroundings import OURS, THEIRS
from vsrife.inference.select import BACKENDS
from vsrife.system.quoting import command_line

_CPU = ("", "cpu")
_NEED_PLUGINS = ("mlrt",)  # are there with VapourSynth, and need plugins all the same
_LONG = 80  # characters of an error that are repeated


class Step(NamedTuple):
    """why: one line; command: to be run, "" if there is none; needed: or only better."""

    why: str
    command: str
    needed: bool = True


def advise(found: Diagnosis) -> list[Step]:
    """Steps, the needed ones first."""
    steps = [step for look in _LOOKS for step in look(found)]
    return sorted(steps, key=lambda step: not step.needed)


def _others(found: Diagnosis) -> Iterator[Step]:
    for other in found.others:
        yield Step(
            f"another vsrife is here: {other}",
            _python("-m", "pip", "uninstall", THEIRS) if other.startswith("package") else "",
        )


def _vapoursynth(found: Diagnosis) -> Iterator[Step]:
    error = found.vapoursynth.get("error")
    if error:
        command = _python("-m", "pip", "install", "--force-reinstall", "vapoursynth")
        yield Step(f"VapourSynth does not load: {_short(error)}", command)
    elif not found.sources:
        yield Step("no source filter is installed; scripts cannot open files", _extra("cli"))


def _vspipe(found: Diagnosis) -> Iterator[Step]:
    error = found.vspipe.get("error")
    if error and not found.vapoursynth.get("error"):
        command = _python("-m", "vapoursynth", "config")
        yield Step(f"vspipe does not work: {_short(error)}", command)
    if found.vspipe.get("first"):
        yield Step(f"the shell finds another vspipe first, {found.vspipe['first']}", "")


def _backends(found: Diagnosis) -> Iterator[Step]:
    rows = found.backends.values()
    if not any(row["installed"] for row in rows if row["name"] not in _NEED_PLUGINS):
        yield Step("no backend is installed; nothing can make a frame", _extra("openvino"))
    for row in rows:
        if row["error"]:
            known = BACKENDS[row["name"]]
            needed = not found.works
            why = f"backend {row['name']} fails: {_short(row['error'])}"
            yield Step(why, _extra(known.extra), needed)


def _faster(found: Diagnosis) -> Iterator[Step]:
    working = [row for row in found.backends.values() if row["works"]]
    on_gpu = [row for row in working if row.get("device", "") not in _CPU]
    drivers = found.machine.get("graphics")
    if drivers and not on_gpu:
        yield Step(
            f"there are graphics drivers ({drivers}), but no backend computes on a GPU",
            _extra("torch"),
            needed=False,
        )
    if working and not on_gpu and not found.backends.get("openvino", {}).get("installed", True):
        yield Step("OpenVINO is faster with most models on CPUs", _extra("openvino"), needed=False)


def _commands(found: Diagnosis) -> Iterator[Step]:
    if found.packages and "av" not in found.packages:
        yield Step("vsrife render and other commands need PyAV", _extra("cli"), needed=False)


def _models(found: Diagnosis) -> Iterator[Step]:
    gone = found.models.get("missing_parts", [])
    if gone:
        command = _python("-m", "pip", "install", "--force-reinstall", OURS)
        yield Step(f"embedded models are gone: {', '.join(gone)}", command)
    folder = found.model_folder
    if folder and not folder["writable"]:
        yield Step(f"models cannot be fetched: {folder['path']} cannot be written; set "
                   "VSRIFE_MODEL_DIR to a folder that can", "", needed=False)  # fmt: skip
    for cache in found.caches:
        if not cache["writable"]:
            yield Step(f"networks are prepared anew each time: {cache['path']} cannot be written; "
                       "set VSRIFE_CACHE_DIR to a folder that can", "", needed=False)  # fmt: skip


_LOOKS: tuple[Callable[[Diagnosis], Iterator[Step]], ...] = (
    _vapoursynth, _backends, _vspipe, _others, _models, _commands, _faster,
)  # fmt: skip


def _short(error: str) -> str:
    """The beginning; the rest stands above in the report."""
    return error if len(error) <= _LONG else f"{error[: _LONG - 4]} ..."


def _extra(name: str) -> str:
    """How to install the packages of an extra, wherever the command is run."""
    wanted = _requirements(name)
    return _python("-m", "pip", "install", *(wanted or [f".[{name}]"]))


def _requirements(extra: str) -> list[str]:
    """The packages of an extra, of others; [] where this package was not installed by pip."""
    try:
        listed = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        return []
    mine = re.compile(rf"(?P<what>[^;]+?)\s*;\s*extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    found = [match["what"] for match in map(mine.fullmatch, listed) if match]
    return [each for each in found if not each.startswith(OURS)]


def _python(*words: str) -> str:
    return command_line((sys.executable or "python3", *words))
