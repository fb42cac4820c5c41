"""Sets of options by kind of film; options that the user gives come first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vsrife.media.stills.image_pattern import is_pattern
from vsrife.media.writing.encoder_table import ENCODERS, USUAL

_OF_ENCODER = ("crf", "preset")


class Preset(NamedTuple):
    """Of rife(), and of the command line beside that. why: in words."""

    rife: dict[str, Any]
    others: dict[str, Any]
    why: str


PRESETS: dict[str, Preset] = {
    "anime": Preset(
        {"sc": "adaptive", "duplicates": "fill", "duplicates_anchor": "centre"},
        {},
        "repeats of drawings on twos and threes become true in-betweens",
    ),
    "film": Preset({"sc": "adaptive"}, {}, "cuts are told from flashes, fades and fast pans"),
    "screen": Preset(
        {"sc": "adaptive", "duplicates": "skip", "protect": True},
        {},
        "still frames cost nothing, and lettering stays sharp",
    ),
    "4k": Preset(
        {"sc": "adaptive", "scale": 0.5}, {}, "motion is estimated at half the size, which is fast"
    ),
    "slow-motion": Preset(
        {"sc": "adaptive"}, {"slow": 4}, "four times as long, every new frame kept"
    ),
    "live": Preset(
        {"sc": True, "scale": 0.5}, {"preset": "veryfast"}, "speed comes before quality"
    ),
    "archive": Preset(
        {"sc": "adaptive"}, {"crf": 12, "preset": "slow"}, "size does not matter, quality does"
    ),
}


def sets(args: argparse.Namespace) -> dict[str, Any]:
    """What the preset of a command line sets there, without what its encoder takes."""
    preset = PRESETS[args.preset_for]
    found = {
        name: value
        for name, value in (preset.rife | preset.others).items()
        if name not in _OF_ENCODER and getattr(args, name) is None
    }
    if args.no_scene_changes:
        found.pop("sc", None)
    if args.times is not None:
        found.pop("slow", None)  # its file says how fast
    if args.duplicates not in (None, preset.rife.get("duplicates")):
        found.pop("duplicates_anchor", None)
    return found


def sets_for(args: argparse.Namespace, target: Path) -> dict[str, Any]:
    """What it sets of the encoder that writes `target`, as far as that one has it."""
    row = ENCODERS.get(args.encoder or USUAL.get(target.suffix.lower(), "x264"))
    if args.preset_for is None or row is None or args.pipe is not None or is_pattern(target):
        return {}
    wanted = PRESETS[args.preset_for].others
    found: dict[str, Any] = {}
    no_rate = args.crf is None and args.bitrate is None and args.max_size is None
    if "crf" in wanted and no_rate and row.quality is not None:
        found["crf"] = wanted["crf"]
    if args.preset is None and row.presets and wanted.get("preset") in row.presets.names:
        found["preset"] = wanted["preset"]
    return found


def describe(name: str, options: Mapping[str, Any]) -> str:
    """What a preset sets, as options."""
    words = []
    for key, value in options.items():
        option = f"--{key.replace('_', '-')}"
        words.append(option if value is True and key != "sc" else f"{option} {_text(value)}")
    return f"--preset-for {name} sets {' '.join(words) or 'nothing here'}: {PRESETS[name].why}"


def _text(value: object) -> str:
    return "yes" if value is True else str(value)
