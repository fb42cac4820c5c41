"""The versions that this project is known to work with."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES)}
WANTED = [
    text
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
    if not text.startswith(PROJECT["name"])
]


@pytest.mark.parametrize("text", sorted(set(WANTED)))
def test_what_the_project_asks_for_is_pinned_within_what_it_asks_for(text):
    wanted = Requirement(text)
    (pin,) = PINS[canonicalize_name(wanted.name)].specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version)


def test_pins_are_names_and_versions_without_addresses():
    assert len(LINES) == len(PINS)
    assert all(
        re.fullmatch(r'[\w.-]+==[\w.]+( ; sys_platform [!=]= "\w+")?', each) for each in LINES
    )


def test_both_commands_of_the_readme_use_them():
    commands = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2
    assert all(" -c .ci/constraints.txt " in command for command in commands)
