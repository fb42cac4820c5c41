"""Sets of options by kind of film; options that the user gives come first."""

from __future__ import annotations

from typing import Any, NamedTuple


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


def describe(name: str) -> str:
    """What a preset sets, as options."""
    preset = PRESETS[name]
    words = []
    for key, value in (preset.rife | preset.others).items():
        option = f"--{key.replace('_', '-')}"
        words.append(option if value is True and key != "sc" else f"{option} {_text(value)}")
    return f"--preset-for {name} sets {' '.join(words)}: {preset.why}"


def _text(value: object) -> str:
    return "yes" if value is True else str(value)
