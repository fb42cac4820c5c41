"""Cases that a clip's mean does not show: pans, a fence, still text, even steps, other timesteps.

Each is a few short films with known motion, the same for every method, and says in figures how
well a method did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vsrife.evaluation.cases import moving_cases, still_cases
from vsrife.evaluation.cases.case_films import Found, Methods, Scene


class Figure(NamedTuple):
    """A column of a case's table. scale: what the value is multiplied with to be shown."""

    label: str
    digits: int
    scale: float = 1.0


class Case(NamedTuple):
    """title: of its table; figures: its columns, by key; headline: the key of the one that stands
    for all in a short table, and its name there; run: the figures of each method."""

    title: str
    figures: dict[str, Figure]
    headline: tuple[str, str]
    run: Callable[[Methods, Scene], Found]


CASES: dict[str, Case] = {
    "pans": Case(
        "Pans: blocks within 2 pixels of their place, in %; least: of any single pan",
        {f"px{far}": Figure(f"{far} px", 0, 100) for far in moving_cases.PANS}
        | {"least": Figure("least", 0, 100)},
        ("least", "pans, least, %"),
        moving_cases.pans,
    ),
    "fence": Case(
        "A fence of period 36 px that moves 9 px, four ways: blocks that went the short way, in %; "
        "least: of any way; PSNR in dB",
        {
            "right": Figure("right", 0, 100),
            "least": Figure("least", 0, 100),
            "psnr": Figure("PSNR", 2),
        },
        ("right", "fence, %"),
        moving_cases.fence,
    ),
    "text": Case(
        "Still text over moving ground: how far letters are off at the worst, in % of white; "
        "contrast that their edges lose at the worst, in %; PSNR in dB there",
        {"off": Figure("off", 1, 100), "blur": Figure("blur", 1, 100), "psnr": Figure("PSNR", 2)},
        ("psnr", "text, dB"),
        still_cases.text,
    ),
    "evenness": Case(
        "A pan of 24 px in eighths: how far a step is off at the worst, in % of an even one, and a "
        "place, in pixels",
        {"step": Figure("step", 1, 100), "place": Figure("place", 2)},
        ("step", "steps off, %"),
        moving_cases.evenness,
    ),
    "timesteps": Case(
        "The demo's film at each timestep: PSNR in dB",
        {f"t{k}": Figure(f"{k}/{still_cases.TIMES}", 2) for k in range(1, still_cases.TIMES)}
        | {"mean": Figure("mean", 2)},
        ("mean", "timesteps, dB"),
        still_cases.timesteps,
    ),
}
