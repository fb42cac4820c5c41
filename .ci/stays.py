#!/usr/bin/env python3
"""How a call of rife(clip) goes through the package: python .ci/stays.py [--backend NAME] [--list]

A stay is a maximal run of calls inside one module. A climb is a call from a module to one that
stands higher, by the layers of tests/test_imports.py and, inside one layer, by who imports whom.
A step up is a stay that stands higher than the one before it, as after each part of the work.
The network is opened once before, so that making one is not counted. Exit code 1 if there are more
stays than 20, or any climb.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[1]
PACKAGE = str(ROOT / "vsrife") + os.sep
MOST = 20
sys.path.insert(0, str(ROOT))
os.environ.setdefault("VSRIFE_CACHE_DIR", "none")

import vapoursynth as vs  # noqa: E402 -- the path comes first

from tests.test_imports import LAYERS, NAMES, imports_of, layer_of  # noqa: E402
from vsrife import rife  # noqa: E402


@cache
def below(name: str) -> frozenset[str]:
    """The modules that a module imports, and those that these import."""
    direct = {found for found in imports_of(NAMES[name]) if found in NAMES} - {name}
    return frozenset(direct).union(*(below(found) for found in direct))


def is_up(lower: str, upper: str) -> bool:
    """Whether `upper` stands higher: in a higher layer, or in the same one and imports `lower`."""
    layers = LAYERS.index(layer_of(lower)), LAYERS.index(layer_of(upper))
    return layers[0] < layers[1] or (layers[0] == layers[1] and lower in below(upper))


class Counter:
    """Listens to calls, and notes those that go from one module of ours to another."""

    def __init__(self) -> None:
        self.stays: list[str] = []
        self.climbs: list[str] = []
        self._callers: list[str | None] = []

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call":
            self._enter(module_of(frame), frame.f_code.co_name)
        elif event == "return" and self._callers:
            self._callers.pop()

    def _enter(self, module: str | None, function: str) -> None:
        caller = self._callers[-1] if self._callers else None
        self._callers.append(module or caller)
        if module is None:
            return
        if not self.stays or self.stays[-1] != module:
            self.stays.append(module)
        if caller is not None and is_up(caller, module):
            self.climbs.append(f"{caller} calls {module}.{function}")

    @property
    def steps_up(self) -> int:
        return sum(is_up(lower, upper) for lower, upper in pairwise(self.stays))


def module_of(frame: FrameType) -> str | None:
    """The module of ours whose code runs in `frame`."""
    file = frame.f_code.co_filename
    if not file.startswith(PACKAGE):
        return None
    parts = Path(file).relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def count(backend: str | None) -> Counter:
    clip = vs.core.std.BlankClip(
        format=vs.YUV420P8, width=64, height=64, length=10, fpsnum=24, fpsden=1
    )
    options = {} if backend is None else {"backend": backend}
    first = rife(clip, **options)
    for name in NAMES:
        below(name)  # or the reading of sources would be listened to
    counter = Counter()
    sys.setprofile(counter)
    try:
        rife(clip, **options)
    finally:
        sys.setprofile(None)
    del first
    return counter


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", help="instead of the fastest that is installed")
    parser.add_argument("--list", action="store_true", help="name the stays and the climbs")
    arguments = parser.parse_args()
    found = count(arguments.backend)
    print(f"{len(found.stays)} stays, {len(found.climbs)} climbs, {found.steps_up} steps up")
    if arguments.list:
        print(*found.stays, *found.climbs, sep="\n")
    return int(len(found.stays) > MOST or bool(found.climbs))


if __name__ == "__main__":
    sys.exit(main())
