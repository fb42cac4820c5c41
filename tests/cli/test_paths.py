"""Every place of the command line that takes a path, with names that no system takes."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.store import own_store
from tests.support.video_files import make_video
from vsrife.cli import COMMANDS, FAILED, main
from vsrife.cli.render_folder import Output

__all__ = ["own_store"]  # a fixture

FILM, WEIGHTS = "FILM", "WEIGHTS"  # stand for files that exist

# Command, then the option or the positional argument that takes a path, then how its name ends:
# so that nothing else is wrong with it; the rest of the command line, {} where the path stands
PLACES: dict[tuple[str, str, str], list[str]] = {
    ("render", "source", ".mkv"): ["{}", "-o", "o.mkv"],
    ("render", "output", ".mkv"): [FILM, "-o", "{}"],
    ("render", "model", ".safetensors"): [FILM, "-o", "o.mkv", "--model", "{}"],
    ("render", "before", ".vpy"): [FILM, "-o", "o.mkv", "--before", "{}"],
    ("render", "after", ".vpy"): [FILM, "-o", "o.mkv", "--after", "{}"],
    ("render", "join", ""): ["--join", "{}"],
    ("render", "log", ".txt"): [FILM, "-o", "o.mkv", "--log", "{}"],
    ("render", "preview", ".png"): [FILM, "-o", "o.mkv", "--preview", "{}"],
    ("render", "times", ".txt"): [FILM, "-o", "o.mkv", "--times", "{}"],
    ("between", "left", ".png"): ["{}", FILM, "-o", "b"],
    ("between", "right", ".png"): [FILM, "{}", "-o", "b"],
    ("between", "output", ""): [FILM, FILM, "-o", "{}"],
    ("script", "source", ".mkv"): ["{}"],
    ("script", "output", ".vpy"): [FILM, "-o", "{}"],
    ("compare", "first", ".mkv"): ["{}", FILM],
    ("compare", "others", ".mkv"): [FILM, "{}"],
    ("compare", "output", ".html"): [FILM, FILM, "-o", "{}"],
    ("compare", "csv", ".csv"): [FILM, FILM, "--csv", "{}"],
    ("demo", "output", ""): ["-o", "{}"],
    ("demo", "model", ".safetensors"): ["-o", "demo", "--model", "{}"],
    ("scenes", "clip", ".mkv"): ["{}"],
    ("scenes", "output", ".csv"): [FILM, "-o", "{}"],
    ("scenes", "plot", ".png"): [FILM, "--plot", "{}"],
    ("export", "model", ".safetensors"): ["{}", "-o", "o.onnx"],
    ("export", "output", ".onnx"): ["nano", "-o", "{}"],
    ("bench", "models", ".safetensors"): ["--models", "{}", "--size", "64x64"],
    ("bench", "clip", ".mkv"): ["--part", "filter", "--clip", "{}"],
    ("bench", "plot", ".png"): ["--part", "filter", "--size", "64x64", "--plot", "{}"],
    ("build", "model", ".safetensors"): ["--model", "{}", "--size", "64x64", "--provider", "cpu"],
    ("quantize", "model", ".safetensors"): ["{}", FILM, "-o", "o.onnx"],
    ("quantize", "clips", ".mkv"): ["nano", "{}", "-o", "o.onnx"],
    ("quantize", "output", ".onnx"): ["nano", FILM, "-o", "{}"],
    ("models import", "file", ".pth"): ["{}"],
    ("models import", "name", ""): [WEIGHTS, "--name", "{}"],
    ("models info", "model", ""): ["{}"],
    ("models fetch", "models", ""): ["{}"],
    ("models verify", "models", ""): ["{}"],
    ("models remove", "models", ""): ["{}"],
    ("models path", "model", ".safetensors"): ["{}"],
    ("train", "output", ""): ["nano", "--steps", "1", "-o", "{}"],
    ("train", "footage", ""): ["nano", "--steps", "1", "-o", "t", "--footage", "{}"],
    ("train", "cache", ""): [
        "nano",
        "--steps",
        "1",
        "-o",
        "t",
        "--footage",
        ".",
        "--cache",
        "{}",
    ],
    ("train", "start", ".safetensors"): ["nano", "--steps", "1", "-o", "t", "--from", "{}"],
    ("train", "teacher", ".pth"): ["nano", "--steps", "1", "-o", "t", "--teacher", "{}"],
    ("train", "perceptual", ".pth"): ["nano", "--steps", "1", "-o", "t", "--perceptual", "{}"],
    ("eval", "clips", ".mkv"): ["{}", "--models", "none"],
    ("eval", "weights", ".safetensors"): [FILM, "--models", "none", "--weights", "{}"],
    ("eval", "photos", ".png"): ["--models", "none", "--cases", "pans", "--photo", "{}"],
    ("eval", "lpips", ".pth"): [FILM, "--models", "none", "--lpips", "{}"],
    ("eval", "output", ""): [FILM, "--models", "none", "--against", "hold", "-o", "{}"],
}

NAMES = {
    "long": lambda end: "x" * 5000 + end,
    "long folder": lambda end: f"{'x' * 5000}/x{end}",
    "null": lambda end: f"a\0b{end}",
}


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command and action of a command with its parser."""
    for name, command in COMMANDS.items():
        parser = argparse.ArgumentParser()
        importlib.import_module(command.module).add_arguments(parser)
        inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        yield from (
            [(f"{name} {key}", sub) for key, sub in inner[0].choices.items()]
            if inner
            else [(name, parser)]
        )


def test_every_path_is_walked():
    found = {
        (name, action.dest)
        for name, parser in parsers()
        for action in parser._actions
        if action.type is Path or isinstance(action, Output)
    }
    assert found <= {(name, dest) for name, dest, _ in PLACES}
    without = {"doctor", "help"}  # take none
    assert {name.split()[0] for name, *_ in PLACES} == set(COMMANDS) - without


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("film") / "film.mkv", with_audio=False)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_a_name_that_cannot_be_is_one_line(
    place: tuple[str, str, str],
    kind: str,
    film: Path,
    weights: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
):
    command, _, end = place
    known = {FILM: str(film), WEIGHTS: str(weights), "{}": NAMES[kind](end)}
    words = [known.get(word, word) for word in PLACES[place]]
    assert main([*command.split(), *words]) == FAILED
    said = capsys.readouterr()
    *notes, last = said.err.splitlines()
    assert last.startswith("vsrife: error: ")
    assert all(line.startswith("vsrife: ") for line in notes)
    assert said.out == ""
    assert not [path for path in here.rglob("*") if path.is_file()]


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_an_empty_word_is_not_the_current_folder(
    place: tuple[str, str, str], here: Path, capsys: pytest.CaptureFixture[str]
):
    command, *_ = place
    known = {"{}": "", FILM: "film.mkv", WEIGHTS: "weights.pth"}  # the parser opens neither
    assert main([*command.split(), *(known.get(word, word) for word in PLACES[place])]) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vsrife: error: ")
    assert line.endswith(" is empty; is a variable of the shell not set?")
    assert not list(here.iterdir())
