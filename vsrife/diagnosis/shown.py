"""A diagnosis as text that can be pasted into a report, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from vsrife.diagnosis.advice import Step
from vsrife.diagnosis.diagnosis import Diagnosis
from vsrife.diagnosis.private import hidden, hider

Rows = Iterator[tuple[str, str]]


def as_plain(found: Diagnosis, steps: Sequence[Step]) -> dict[str, Any]:
    """For programs, in JSON's kinds; paths shortened as in the text."""
    plain = asdict(found) | {
        "sources": found.sources,
        "backends": list(found.backends.values()),
        "works": found.works,
        "next": [step._asdict() for step in steps],
    }
    hide = hider()
    return {key: hidden(value, hide) for key, value in plain.items()}


def as_text(found: Diagnosis, steps: Sequence[Step]) -> str:
    """For people: no user's name and no home folder in it."""
    parts = (
        ("machine", found.machine.items()),
        ("VapourSynth", _vapoursynth(found)),
        ("backends", _backends(found)),
        ("files", _files(found)),
        ("packages", found.packages.items()),
        ("could not be looked at", found.failed.items()),
    )
    lines = [f"vsrife {found.version}, {found.folder}"]
    for title, rows in parts:
        told = list(rows)
        lines += ["", title] if told else []
        lines += [f"  {name:<16} {text}" for name, text in told]
    lines += ["", *_next(found, steps)]
    return hider()("\n".join(lines) + "\n")


def _vapoursynth(found: Diagnosis) -> Rows:
    facts, pipe = found.vapoursynth, found.vspipe
    if facts.get("error"):
        yield "core", f"FAILS: {facts['error']}"
    elif facts:
        yield "core", f"{facts['version']}, {facts['threads']} threads"
        yield "source filters", ", ".join(found.sources) or "NONE"
        known = [f"{each['namespace']} {each['version']}" for each in facts["plugins"]]
        yield "plugins", ", ".join(known) or "none"
    if pipe.get("error"):
        yield "vspipe", f"FAILS: {pipe['error']}"
    elif pipe:
        yield "vspipe", f"works, {pipe['path']}"


def _backends(found: Diagnosis) -> Rows:
    for row in found.backends.values():
        if row["error"]:
            yield row["name"], f"FAILS: {row['error']}"
        elif not row["works"]:
            yield row["name"], "not installed"
        else:
            more = ", ".join([*row["providers"], *row["devices"]])
            size = f"{row['width']}x{row['height']}"
            seconds = f"{row['seconds']:.3f} s for a new frame of {size}"
            yield row["name"], f"works, {seconds} on {row['device'] or '?'}; has {more or '?'}"


def _files(found: Diagnosis) -> Rows:
    models = found.models
    if models:
        ready = f", {', '.join(models['ready'])}" if models["ready"] else ""
        yield "models", f"{', '.join(models['embedded'])}{ready}; {models['known']} known"
    for folder in (found.model_folder, *found.caches):
        if folder:
            name = "fetched" if folder is found.model_folder else folder["name"]
            state = "" if folder["writable"] else ", CANNOT BE WRITTEN"
            size = f"{folder['size'] / 1e6:.1f} MB in {folder['files']} files"
            yield name, f"{size}, {folder['path']}{state}"
    if not found.caches and "caches" not in found.failed:
        yield "cache", "switched off"
    for other in found.others:
        yield "ANOTHER VSRIFE", other


def _next(found: Diagnosis, steps: Sequence[Step]) -> Iterator[str]:
    if not found.works:
        yield "NOTHING HERE CAN MAKE A FRAME."
    elif not any(step.needed for step in steps):
        yield "All that is needed works."
    for title, wanted in (("next", True), ("better", False)):
        chosen = [step for step in steps if step.needed is wanted]
        if chosen:
            yield title
        for step in chosen:
            yield f"  {step.why}"
            if step.command:
                yield f"    {step.command}"
