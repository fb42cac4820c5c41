"""The options of vsrife render, made from the one list of rife()'s arguments."""

from __future__ import annotations

import argparse
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife import arguments
from vsrife.checks import Coded, Flag, OneOf, Share, Size, Whole
from vsrife.cli import before_render, main, presets, render, rife_options
from vsrife.cli.render_task import options_of
from vsrife.errors import ArgumentError
from vsrife.rendering import batch


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vsrife render", allow_abbrev=False)
    render.add_arguments(parser)
    args = parser.parse_args([*words])
    args.parser = parser
    return args


# What one asks for by a name of its own
OTHERWISE = {
    "clip": "IN", "factor_num": "--factor", "factor_den": "--factor", "fps_num": "--fps",
    "fps_den": "--fps", "factor": "--factor", "fps": "--fps", "vfr": "--cfr",
}  # fmt: skip


@pytest.mark.parametrize("each", arguments.ALL, ids=lambda each: each.name)
def test_every_argument_of_rife_is_an_option(each):
    known = {option for action in parse("a").parser._actions for option in action.option_strings}
    option = OTHERWISE.get(each.name, f"--{each.name.replace('_', '-')}")
    assert option in known | {"IN"}


def example(each) -> tuple[list[str], object]:
    """Words that ask for another value than the default, and that value."""
    kind, option = each.kind, f"--{each.name.replace('_', '-')}"
    if isinstance(kind, Flag) and not kind.words:
        return [option if not each.default else f"--no-{option[2:]}"], not each.default
    if isinstance(kind, Flag):
        return [option, kind.words[0]], kind.words[0]
    if isinstance(kind, OneOf):
        return [option, kind.words[-1]], kind.words[-1]
    if isinstance(kind, Coded):
        word, number = list(kind.numbers.items())[-1]
        return [option, str(number)], kind.read(each.name, word)
    if isinstance(kind, Size):
        return [option, "640x360"], (640, 360)
    if isinstance(kind, Whole):
        return [option, "3"], 3
    if isinstance(kind, Share):
        return [option, "0.25"], 0.25
    if each.name in ("scale", "static_threshold"):
        return [option, "0.5"], 0.5
    if each.name in rife_options.CLIPS:
        return [option, "marks.vpy"], Path("marks.vpy")
    if each.name == "shutter":
        return [option, "180"], 180
    if each.name == "replace":
        return [option, "_Bad"], "_Bad"
    return [option, "cuda:1"], "cuda:1"


@pytest.mark.parametrize("each", rife_options.OPTIONS, ids=lambda each: each.name)
def test_an_option_gives_the_argument_its_value(each):
    words, value = example(each)
    given_ = rife_options.given(parse("a", *words))
    assert given_ == {each.name: value}
    if each.name not in rife_options.CLIPS:
        assert each.read(given_[each.name]) == each.read(value)


@pytest.mark.parametrize("each", rife_options.OPTIONS, ids=lambda each: each.name)
def test_an_option_that_is_allowed_passes_the_check_before_the_work(each):
    words, _ = example(each)
    if each.name == "model":
        words = ["--model", "4.25"]
    if each.name == "ensemble":
        words.extend(("--model", "4.6"))
    if each.name == "duplicates_anchor":
        words.extend(("--duplicates", "fill"))
    rife_options.check_options(options_of(parse("a", *words)))


@pytest.mark.parametrize("word", ["709", "1", "2020ncl"])
def test_words_that_look_like_numbers_are_words(word: str):
    (each,) = (o for o in rife_options.OPTIONS if o.name == "matrix")
    value = rife_options.given(parse("a", "--matrix", word))["matrix"]
    assert each.read(value) == {"709": 1, "1": 1, "2020ncl": 9}[word]


@pytest.mark.parametrize(
    "each", [o for o in rife_options.OPTIONS if o.none], ids=lambda each: each.name
)
def test_what_may_be_none_can_be_asked_for(each):
    assert rife_options.given(parse("a", f"--{each.name.replace('_', '-')}", "none")) == {
        each.name: None
    }


def test_nothing_asked_for_is_factor_2_with_cuts():
    assert options_of(parse("a")) == {"sc": True, "factor": "2"}


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("--no-scene-changes",), {"sc": False, "factor": "2"}),
        (("--sc", "no"), {"sc": False, "factor": "2"}),
        (("--fps", "59.94"), {"sc": True, "fps": "60000/1001"}),
        (("--slow", "4"), {"sc": True, "factor": "4"}),
        (("--slow", "4", "--fps", "59.94"), {"sc": True, "fps": "240000/1001"}),
        (("--factor", "5/2", "--model", "4.25"), {"sc": True, "factor": "5/2", "model": "4.25"}),
    ],
)
def test_rates_and_cuts(words, options):
    assert options_of(parse("a", *words)) == options


def test_the_help_fits_into_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["render", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # a metavar of choices is longer than argparse can break
    assert [line for line in lines if len(line) > 80 and "preset-for" not in line] == []
    assert {"time:", "scene changes:", "duplicates:", "encoder:", "while it runs:"} <= set(lines)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_is_allowed_and_says_what_it_sets(name: str):
    preset = presets.PRESETS[name]
    known = {each.name: each for each in arguments.ALL}
    for argument, value in preset.rife.items():
        known[argument].read(value)
    said = presets.describe(name, preset.rife | preset.others)
    assert all(f"--{key.replace('_', '-')}" in said for key in preset.rife | preset.others)
    parse("a", *said.partition(" sets ")[2].partition(": ")[0].split())  # as they are written


def test_the_users_own_options_come_before_those_of_a_preset(capsys):
    from vsrife.cli.render_task import apply_preset

    args = parse("a", "--preset-for", "archive", "--crf", "30")
    apply_preset(args)
    assert (args.crf, args.sc) == (30, "adaptive")
    assert "sets --sc adaptive --preset slow: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "target", "crf", "preset"),
    [
        ((), "o.mkv", 12, "slow"),
        (("--encoder", "x265"), "o.mkv", 12, "slow"),
        (("--preset", "fast"), "o.mp4", 12, "fast"),
        (("--bitrate", "5M"), "o.mkv", None, "slow"),
        ((), "o.webm", 12, None),
        (("--encoder", "ffv1"), "o.mkv", None, None),
        (("--encoder", "prores"), "o.mov", None, None),
        ((), "o.gif", None, None),
        (("--encoder", "x265", "--max-size", "9MB"), "o.mkv", None, "slow"),
    ],
)
def test_a_preset_sets_what_the_encoder_has(words, target: str, crf, preset):
    from vsrife.cli import render_task

    args = parse("a", "--preset-for", "archive", *words, "-o", target)
    render_task.apply_preset(args)
    made = render_task._encoding(args, Path(target))
    assert (made.crf, made.preset) == (crf, preset)


@pytest.mark.parametrize(
    ("words", "unset"),
    [
        (("slow-motion", "--times", "ramp.txt"), "slow"),
        (("anime", "--no-scene-changes"), "sc"),
        (("anime", "--duplicates", "skip"), "duplicates_anchor"),
        (("archive", "--pipe", "x264 - -o {out}"), "crf"),
        (("live", "-o", "%03d.png"), "preset"),
    ],
)
def test_a_preset_sets_nothing_that_excludes_what_the_user_says(words, unset: str, capsys):
    from vsrife.cli.render_task import apply_preset

    args = parse("a", "--preset-for", *words)
    apply_preset(args)
    assert getattr(args, unset) is None
    assert f"--{unset.replace('_', '-')} " not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("in.mkv",),
        ("-o", "out.mkv"),
    ],
)
def test_usage_errors(words, capsys):
    assert main(["render", *words]) == 2


def test_a_render_that_helps_another_has_that_one_s_options(tmp_path: Path, capsys):
    words = "--log", str(tmp_path / "log"), "--precision", "fp32", "--crf", "12"
    assert main(["render", "--join", str(tmp_path), *words]) == 1
    said = capsys.readouterr().err
    assert "--join helps a render with that one's options; leave out --precision, --crf" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--slow", "1"), "--slow must be 2 to 64"),
        (("--no-scene-changes", "--sc-threshold", "0.2"), "--sc-threshold exclude each other"),
        (("--factor", "2", "--fps", "60"), "--fps and --factor exclude each other"),
        (("--preset-for", "everything"), "--preset-for must be one of anime, film"),
        (("--sc-threshold", "much"), "--sc-threshold must be a number, not 'much'"),
        (("--duplicates-span", "1.5"), "--duplicates-span must be a whole number, not '1.5'"),
        (("--join", "folder"), "--join takes one IN at most, and no OUT"),
        (("--workers", "0"), "--workers must be 1 to 64"),
        (("--start", "soon"), "--start must be a frame's number"),
        (("--end", "1", "--count", "1"), "exclude each other"),
        (("--before", "nowhere.vpy"), "nowhere.vpy does not exist"),
        (("--trt-min-shape", "big"), "must be a width and a height"),
        (("--log", "no/where.txt"), "where.txt cannot be written"),
        (("--matrix", "purple"), "--matrix must be one of"),
        (("--replace", "no/such.txt"), "--replace must be a file"),
        (("--sc", "perhaps"), "--sc must be"),
    ],
)
def test_what_is_not_allowed_is_one_line(words, text, tmp_path: Path, capsys):
    film = tmp_path / "film.mkv"
    film.write_bytes(b"never read")
    assert main(["render", str(film), "-o", str(tmp_path / "o.mkv"), *words]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert text in said
    assert os.listdir(tmp_path) == ["film.mkv"]


def test_the_ready_command_is_the_same_render():
    words = [
        "in file.mkv", "-o", "o.mkv", "--fps", "60", "--sc", "adaptive", "--protect-auto",
        "--no-trt-static-shape", "--encoder-options", "a=b", "--encoder-options", "c=d",
        "--estimate", "--scale", "0.5",
    ]  # fmt: skip
    made = before_render.command_of(parse(*words), backend="onnx")
    assert made[:3] == ["vsrife", "render", "in file.mkv"]
    one, other = parse(*made[2:]), parse(*words)
    assert (one.backend, one.estimate) == ("onnx", False)
    other.backend, other.estimate, other.parser = "onnx", False, one.parser
    assert vars(one) == vars(other)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{nome}.mkv", "name has {nome}"),
        ("{}.mkv", "name has {}"),
        ("{name", "not closed"),
        ("a/{name}.mkv", "without a folder"),
    ],
)
def test_templates_that_mean_nothing_are_refused(template: str, words: str):
    with pytest.raises(ArgumentError, match=words.replace("{", r"\{")):
        batch.check_name(template)


NAMES = st.lists(st.sampled_from(["a.mkv", "b.avi", "c.MP4", "d.webm"]), min_size=1, unique=True)


@given(NAMES)
def test_names_of_outputs_follow_the_template(names: list[str]):
    sources = [Path("in") / name for name in names]
    rate = {"factor": batch.factor_word(Fraction(5, 2)), "fps": "60"}
    found = batch.targets(
        sources,
        Path("out"),
        "{number}-{name}-x{factor}{ext}",
        lambda source: rate,
        (".mkv", ".mp4", ".webm"),
    )
    endings = {".avi": ".mkv"}
    assert found == [
        Path("out") / f"{n}-{s.stem}-x5_2{endings.get(s.suffix, s.suffix)}"
        for n, s in enumerate(sources, 1)
    ]
