"""What the documents say is what the program has."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from tests.support import hostile_files, hostile_servers
from vsrife import rife
from vsrife.cli import COMMANDS
from vsrife.network.table import ARCHS, VERSIONS, cost, parameters
from vsrife.weights import catalogue, folders

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(command):
    text = read("docs/cli.md").split(f"## vsrife {command}", 1)[1]
    return text.split("\n## ", 1)[0]


class Options:
    """Stands in for a parser, its groups and its subcommands; notes their options."""

    def __init__(self):
        self.names = set()

    def add_argument(self, *names, **settings):
        self.names.update(name for name in names if name.startswith("-"))

    def add_mutually_exclusive_group(self, **settings):
        return self

    def add_subparsers(self, **settings):
        return self

    def add_parser(self, name, **settings):
        return self


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(command):
    options = Options()
    importlib.import_module(COMMANDS[command].module).add_arguments(options)
    rows = [line for line in section(command).splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(-[-a-z]+)`", "\n".join(rows))) == options.names


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


DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("document", ["README.md", *DOCUMENTS])
def test_links_lead_somewhere(document):
    folder = (ROOT / document).parent
    for target in re.findall(r"\]\(([^)#]+)\)", read(document)):
        assert target.startswith("http") or (folder / target).exists(), target


def model_rows():
    """The table of the models page, made from the data."""
    memory = catalogue.memory()
    for row in catalogue.catalogue().values():
        arch = ARCHS[row.arch]
        work = f"{cost(arch):,.0f}".replace(",", " ")
        half, single = memory[row.arch]
        ensemble = "yes" if arch.ensemble else "no"
        size = f"{parameters(arch) / 1e6:.2f}"
        yield f"| `{row.name}` | {size} | {work} | {half} | {single} | {ensemble} | {row.good_at} |"


def test_the_models_page_has_every_models_figures(monkeypatch, tmp_path):
    monkeypatch.setattr(folders, "user_catalogue", lambda: tmp_path / "none.toml")
    text = read("docs/models.md").split("| what it is |\n", 1)[1].split("\n\n", 1)[0]
    assert list(model_rows()) == text.splitlines()[1:]


def test_every_attack_of_the_tests_is_listed_and_no_other():
    files = hostile_files
    cases = [*files.PICKLES, *files.SAFETENSORS, *files.ONNX, *files.NCNN]
    cases += hostile_servers.REFUSALS
    rows = re.findall(r"^\| ([^|]+) \| ", read("docs/attacks.md"), re.MULTILINE)
    assert [row for row in rows if row != "attack"] == cases


def test_every_version_is_an_official_name():
    assert all(re.fullmatch(r"4\.\d+(\.lite|\.heavy)?", name) for name in VERSIONS)
