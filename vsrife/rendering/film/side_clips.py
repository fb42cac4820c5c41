"""Files that stand for clips beside the film: marks from a script, a mask from a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.errors import ArgumentError
from vsrife.media.source import open_source, probe, to_rgb
from vsrife.media.timestamps import Times
from vsrife.rendering.film.scripts import run_script
from vsrife.weights.folders import is_file

NAMES = ("sc_clip", "duplicates_clip", "mask")


def with_clips(options: Mapping[str, Any], clip: vs.VideoNode, times: Times) -> dict[str, Any]:
    """rife()'s arguments with a clip in place of each path among `NAMES`."""
    found = dict(options)
    for name in NAMES:
        path = options.get(name)
        if isinstance(path, Path):
            found[name] = _opened(name, path, clip, times)
    return found


def check_clips(options: Mapping[str, Any]) -> None:
    """ArgumentError if a path among `NAMES` is no file."""
    for name in NAMES:
        path = options.get(name)
        if isinstance(path, Path) and not is_file(path):
            raise ArgumentError(
                f"{name} must be a picture, film or script (.vpy), and {path} does not exist or is "
                "no file"
            )


def _opened(name: str, path: Path, clip: vs.VideoNode, times: Times) -> vs.VideoNode:
    if path.suffix.lower() == ".vpy":
        return run_script(path, clip, times)[0]
    opened, _ = open_source(path, probe(path))
    if name != "mask":
        return opened
    grey = to_rgb(opened).resize.Bicubic(format=vs.GRAYS, matrix_s="709")
    return grey.std.Loop(clip.num_frames) if grey.num_frames == 1 else grey
