"""Known-good versions: `pins.py make` prints .ci/constraints.txt, `pins.py check VENV` holds to it.

make: the versions that pip takes in a fresh environment for every extra, with a marker where a
    package is not for every system; and a look whether Windows and macOS have them, too.
    Needs pip and packaging; run by .ci/pin, in an environment of its own.
check: every package of that environment is pinned, and has the pinned version.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = sorted(PROJECT["optional-dependencies"])
HEADER = """\
# The versions that this project is known to work with; made by .ci/pin, proven by .ci/run.
# What plain pip {pip} took for Python {python} on {date}.
"""
# Not ours to pin: they come with the environment.
TOOLS = {"pip", "setuptools", "wheel"}

# sys_platform: what markers see there, and the oldest system that wheels of the pins are asked for
SYSTEMS = {
    "linux": ({"os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"}, ()),
    "win32": (
        {"os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
        ("win_amd64",),
    ),
    "darwin": (
        {"os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
        ("macosx_15_0_arm64",),
    ),
}

Metadata = dict[str, Any]


def resolve(*wanted: str, constraints: Iterable[str] = ()) -> dict[str, Metadata]:
    """Canonical name -> metadata of what pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report, limits = Path(folder, "report.json"), Path(folder, "limits.txt")
        limits.write_text("\n".join(constraints), encoding="utf-8")
        options = ["--dry-run", "--ignore-installed", "--report", report, "-c", limits]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", *options, *wanted], check=True
        )
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {canonicalize_name(each["metadata"]["name"]): each["metadata"] for each in found}


def needed(found: dict[str, Metadata], system: str) -> Iterator[tuple[str, Requirement]]:
    """What the project with all its extras needs on a system: each canonical name, and why."""
    environment = dict(default_environment()) | SYSTEMS[system][0] | {"sys_platform": system}
    project = canonicalize_name(PROJECT["name"])
    waiting, seen = [(project, extra) for extra in ("", *EXTRAS)], set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in found.get(name, {}).get("requires_dist") or ():
            why = Requirement(text)
            if why.marker is None or why.marker.evaluate({**environment, "extra": extra}):
                need = canonicalize_name(why.name)
                waiting += [(need, each) for each in ("", *why.extras)]
                yield need, why


def marker(systems: set[str]) -> str:
    if systems == set(SYSTEMS):
        return ""
    if len(systems) == 1:
        return f' ; sys_platform == "{systems.pop()}"'
    (other,) = set(SYSTEMS) - systems
    return f' ; sys_platform != "{other}"'


def pin_line(metadata: Metadata) -> str:
    return f"{metadata['name']}=={metadata['version']}"


def make() -> str:
    """The text of constraints.txt."""
    found = resolve(f".[{','.join(EXTRAS)}]")
    project = canonicalize_name(PROJECT["name"])
    # what only other systems need: in rounds, since each may need more
    while elsewhere := {
        (need, str(why.specifier))
        for system in SYSTEMS
        for need, why in needed(found, system)
        if need not in found
    }:
        pins = [pin_line(each) for name, each in found.items() if name != project]
        more = resolve(*(name + limits for name, limits in sorted(elsewhere)), constraints=pins)
        found = more | found
    systems: dict[str, set[str]] = {name: set() for name in found}
    for system in SYSTEMS:
        for need, _ in needed(found, system):
            systems[need].add(system)
    del found[project], systems[project]
    for system, (_, platforms) in SYSTEMS.items():
        there = [pin_line(each) for name, each in found.items() if system in systems[name]]
        for platform in platforms:
            ask_for_wheels(platform, there)
    head = HEADER.format(
        pip=importlib.metadata.version("pip"),
        python=default_environment()["python_version"],
        date=date.today(),
    )
    lines = [pin_line(found[name]) + marker(systems[name]) for name in sorted(found)]
    return head + "\n".join(lines) + "\n"


def ask_for_wheels(platform: str, pins: list[str]) -> None:
    """Says on stderr which of the pins have no wheel there."""
    with tempfile.TemporaryDirectory() as folder:
        for pin in pins:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed",
                 "--no-deps", "--only-binary=:all:", "--platform", platform, "-t", folder, pin],
                capture_output=True,
            )  # fmt: skip  # an option and its value stay together
            if done.returncode:
                print(f"{pin} has no wheel for {platform}", file=sys.stderr)


def check(environment: Path) -> list[str]:
    """What is installed there and not as it is pinned."""
    pins = {}
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    places = [str(path) for path in environment.glob("**/site-packages")]
    wrong = [] if places else [f"{environment} is not an environment"]
    for each in importlib.metadata.distributions(path=places):
        name = canonicalize_name(each.name)
        if name in TOOLS or name == canonicalize_name(PROJECT["name"]):
            continue
        if pins.get(name) != each.version:
            wrong.append(f"{name} {each.version} is installed, {pins.get(name)} is pinned")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        print(make(), end="")
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        if wrong := check(Path(sys.argv[2])):
            sys.exit("\n".join(["not as in .ci/constraints.txt:", *wrong]))
    else:
        sys.exit(__doc__)
