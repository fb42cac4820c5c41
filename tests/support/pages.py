"""The project's pages, and what tests read in them."""

import argparse
import functools
import importlib
from pathlib import Path

from vsrife import cli

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vsrife"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "models").glob("*.md"),
    )
)


@functools.cache
def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def table_after(page, heading):
    """Cells of the first table below a heading, its title row left out."""
    text = read(page).split(heading, 1)[1]
    lines = text.split("\n|---", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def options_of(command, action=None):
    """Options of a command, or of one of its actions."""
    parser = argparse.ArgumentParser()
    importlib.import_module(cli.COMMANDS[command].module).add_arguments(parser)
    for each in parser._actions:
        if isinstance(each, argparse._SubParsersAction) and action not in (None, "ACTION"):
            parser = each.choices[action]
    return set(parser._option_string_actions)
