"""What the documents say is what the program has."""

import argparse
import importlib
import inspect
import re
from pathlib import Path

import pytest

from vsrife import rife
from vsrife.cli import COMMANDS
from vsrife.net.table import ARCHS, VERSIONS, cost, parameters

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(command):
    text = read("docs/cli.md").split(f"## vsrife {command}", 1)[1]
    return text.split("\n## ", 1)[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(command):
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(COMMANDS[command].module).add_arguments(parser)
    options = {name for action in parser._actions for name in action.option_strings}
    rows = [line for line in section(command).splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(-[-a-z]+)`", "\n".join(rows))) == options


def test_every_parameter_of_the_filter_is_documented():
    named = set(re.findall(r"`([a-z_]+)`", read("docs/usage.md")))
    parameters_ = {
        name for name in inspect.signature(rife).parameters if not name.startswith("trt_")
    }
    assert parameters_ <= named


def test_the_readme_has_exactly_two_commands_of_one_line_each():
    text = read("README.md").split("## Two commands", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert text.count("```") == 4


@pytest.mark.parametrize(
    "document", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").iterdir())]
)
def test_links_lead_somewhere(document):
    folder = (ROOT / document).parent
    for target in re.findall(r"\]\(([^)#]+)\)", read(document)):
        assert target.startswith("http") or (folder / target).exists(), target


def test_the_models_page_has_the_embedded_models_figures():
    figures = f"| {parameters(ARCHS['nano']) / 1e6:.2f} M | {cost(ARCHS['nano']):,.0f} |"
    assert figures.replace(",", " ") in read("docs/models.md")


def test_every_version_is_an_official_name():
    assert all(re.fullmatch(r"4\.\d+(\.lite|\.heavy)?", name) for name in VERSIONS)
