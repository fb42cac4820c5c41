"""All parts of the diagnosis. A part that fails is a line of the report, never its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vsrife.diagnosis import storage, surroundings
from vsrife.diagnosis.processes import Answer, ask
from vsrife.inference.select import BACKENDS, is_installed
from vsrife.messages import one_line
from vsrife.version import __version__

LIMIT = 30.0  # seconds for each process
SOURCES = {"bs": "bestsource", "lsmas": "L-SMASH-Works", "ffms2": "FFMS2", "d2v": "d2vsource"}
BLURRED = 27.0  # dB against the truth; the default model has 31.9, the mean of both frames 23.1


@dataclass
class Diagnosis:
    """What was found, in JSON's kinds. Errors are one line each, "" if there is none.

    machine, packages: see `surroundings`. vapoursynth: version, threads, plugins, error. vspipe:
    path, first, python, error. backends: by name, with installed, works, error and what
    `probe.backend` found. caches, model_folder: see `storage.Folder`. models: see `storage.Models`.
    others: other packages named vsrife. failed: parts that could not be looked at, and why.
    """

    version: str = __version__
    folder: str = str(Path(__file__).parents[1])
    machine: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    vapoursynth: dict[str, Any] = field(default_factory=dict)
    vspipe: dict[str, str] = field(default_factory=dict)
    backends: dict[str, dict[str, Any]] = field(default_factory=dict)
    caches: list[dict[str, Any]] = field(default_factory=list)
    model_folder: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Whether anything here can make a frame."""
        return any(each["works"] for each in self.backends.values())

    @property
    def sources(self) -> list[str]:
        """Source filters: plugins that open video files, as "bestsource 22.0"."""
        return [
            f"{SOURCES[each['namespace']]} {each['version']}"
            for each in self.vapoursynth.get("plugins", [])
            if each["namespace"] in SOURCES
        ]


def diagnose(limit: float = LIMIT, on_part: Callable[[str], None] = lambda name: None) -> Diagnosis:
    """Look at everything; takes seconds, and at most `limit` for each process.

    on_part: hears what is looked at next.
    """
    found = Diagnosis()

    def part[Value](name: str, look: Callable[[], Value], otherwise: Value) -> Value:
        on_part(name)
        try:
            return look()
        except Exception as error:  # whatever a broken installation has in store
            found.failed[name] = one_line(str(error)) or type(error).__name__
            return otherwise

    found.machine = part("machine", surroundings.machine, {})
    found.packages = part("packages", surroundings.packages, {})
    found.others = part("other packages", surroundings.other_packages, [])
    found.vapoursynth = part("VapourSynth", lambda: _vapoursynth(limit), {"error": "?"})
    found.vspipe = part("vspipe", lambda: surroundings.vspipe(limit), {"error": "?"})
    for name in BACKENDS:
        found.backends[name] = part(
            f"backend {name}", partial(_backend, name, limit), _broken(name)
        )
    found.caches = part("caches", lambda: [c._asdict() for c in storage.find_caches()], [])
    found.model_folder = part("model folder", lambda: storage.find_model_folder()._asdict(), {})
    found.models = part("models", lambda: storage.find_models()._asdict(), {})
    return found


def _vapoursynth(limit: float) -> dict[str, Any]:
    answer = ask(["vapoursynth"], limit)
    return {"error": answer.error, **answer.facts}


def _broken(name: str) -> dict[str, Any]:
    return {"name": name, "installed": True, "works": False, "error": "see failed"}


def _backend(name: str, limit: float) -> dict[str, Any]:
    if not is_installed(name):
        return {"name": name, "installed": False, "works": False, "error": ""}
    answer: Answer = ask(["backend", name], limit)
    facts, error = answer.facts, answer.error
    if facts.get("installed") and facts["psnr"] < BLURRED:
        error = f"makes a wrong picture ({facts['psnr']:.1f} dB from the truth)"
    works = not error and bool(facts.get("installed"))
    return {"name": name, "installed": True, **facts, "works": works, "error": error}
