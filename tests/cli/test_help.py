"""The help of each command fits 80 columns, by groups too, and its examples run."""

from __future__ import annotations

import contextlib
import shlex
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support import needs
from tests.support.video_files import make_video
from vsrife import cli
from vsrife.cli import COMMANDS, examples, main, wording
from vsrife.cli.rife_options import OPTIONS

EXAMPLES = [line for lines in examples.EXAMPLES.values() for line in lines]
# Those that take a second or less on a tiny clip, in an order in which each finds its files
RUN = (
    "vsrife scenes in.mkv -o scores.csv",
    "vsrife script in.mkv -o in.vpy",
    "vsrife render in.mkv -o out.mkv",
    "vsrife compare in.mkv out.mkv -o page.html",
    "vsrife between a.png b.png -n 3 -o between",
    "vsrife export nano -o nano.onnx",
    "vsrife models list",
    "vsrife models info 4.25",
    "vsrife help render scene changes",
    "vsrife help models fetch",
)


def parser_of(name: str):
    with needs.skipping():
        return cli.parser_of(name)


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["help", *words]) == cli.OK
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_as_a_whole_and_by_parts(name: str, capsys):
    parser = parser_of(name)
    parts = [str(group.title) for group in parser._action_groups if group._group_actions]
    parts += [key for each in parser._actions if each.dest == "action" for key in each.choices]
    for part in [(), *((part,) for part in parts)]:
        page = help_of(capsys, name, *part)
        assert [line for line in page.splitlines() if len(line) > 80] == []


def test_help_is_the_help_of_the_option(capsys):
    for words in ([], ["scenes"]):
        page = help_of(capsys, *words)
        with contextlib.suppress(SystemExit):
            assert main([*words, "--help"]) == cli.OK
        assert capsys.readouterr().out == page


def test_the_groups_of_render_have_every_option_of_the_filter(capsys):
    groups = {each.group for each in OPTIONS}
    pages = {group: help_of(capsys, "render", *group.split()) for group in groups}
    for each in OPTIONS:
        assert f"--{each.name.replace('_', '-')}" in pages[each.group]
    assert "--matrix" not in pages["scene changes"]


def test_the_names_of_the_groups_are_in_the_help_and_their_beginnings_do(capsys):
    page = " ".join(help_of(capsys, "render").split())
    titles = [str(group.title) for group in wording.groups_of(parser_of("render"))]
    assert f"`vsrife help render GROUP` prints one of these groups alone: {', '.join(titles)}." in (
        page
    )
    for title in titles:
        whole = help_of(capsys, "render", *title.split())
        assert whole.splitlines()[0] == f"{title}:"
        assert help_of(capsys, "render", title[:4].upper()) == whole
    assert "GROUP" not in help_of(capsys, "scenes")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rendr"], cli.USAGE, "'rendr'"),
        (["render", "encoding"], cli.FAILED, "not 'encoding'; did you mean encoder"),
        (["render", "d"], cli.FAILED, "PART must be one of"),  # duplicates or device
        (["scenes", "colours"], cli.FAILED, "positional arguments, options, not 'colours'"),
        (["models", "fetsch"], cli.FAILED, "PART must be one of list, info, fetch"),
    ],
)
def test_help_that_is_not_there_is_one_line_that_says_which_is(words, code, said, capsys):
    assert main(["help", *words]) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert said in output.err.splitlines()[-1]


def test_every_command_has_an_example_and_shows_it(capsys):
    assert set(examples.EXAMPLES) == set(COMMANDS)
    assert set(RUN) <= set(EXAMPLES)
    assert help_of(capsys, "scenes").endswith("examples:\n  vsrife scenes in.mkv -o scores.csv\n")


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_are_understood(line: str):
    program, command, *words = shlex.split(line)
    assert program == "vsrife"
    parser_of(command).parse_args(words)  # SystemExit if not


@pytest.mark.parametrize(("command", "groups"), examples.OF_GROUPS.items())
def test_every_group_of_options_shows_an_example_of_one_of_them(command: str, groups, capsys):
    parser = parser_of(command)
    assert list(groups) == [str(group.title) for group in wording.groups_of(parser)]
    for group in wording.groups_of(parser):
        line = groups[str(group.title)]
        page = help_of(capsys, command, *str(group.title).split())
        assert page.endswith(f"example:\n  {line}\n")
        options = {name for action in group._group_actions for name in action.option_strings}
        assert not options or options & set(shlex.split(line)), group.title


@pytest.mark.parametrize("group", examples.OF_GROUPS["render"])
def test_examples_of_groups_run(group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make_video(Path("in.mkv"), times=[Fraction(n, 25) for n in range(3)])
    Path("crop.vpy").write_text("clip = clip.std.CropRel(top=2, bottom=2)")
    assert main(shlex.split(examples.OF_GROUPS["render"][group])[1:]) == cli.OK
    assert Path("out.mkv").stat().st_size > 0


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    needs.package("PIL")
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    make_video(Path("in.mkv"))
    for name, level in (("a.png", 30), ("b.png", 200)):
        Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(name)
    for line in RUN:
        assert main(shlex.split(line)[1:]) == cli.OK, line
    for name in ("scores.csv", "in.vpy", "out.mkv", "page.html", "between/0002.png", "nano.onnx"):
        assert Path(name).stat().st_size > 0
