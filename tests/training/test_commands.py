"""`vsrife train`, called as the command line calls it."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from vsrife.cli import train as train_command
from vsrife.errors import RifeError
from vsrife.training import drawn_scenes, loop


def call(command: ModuleType, *words: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args([str(word) for word in words])))


def test_train_writes_weights_and_prints_their_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "HELD_OUT", 1)
    monkeypatch.setattr(loop, "HELD_OUT_SIZE", 32)
    monkeypatch.setattr(drawn_scenes, "Scenes", partial(drawn_scenes.Scenes, tiles=1, shapes=24))
    folder = tmp_path / "run"
    assert (
        call(train_command, "pyramid", "-o", folder, "--steps", 1, "--count", 1, "--size", 64) == 0
    )
    assert capsys.readouterr().out.strip() == str(folder / "pyramid.safetensors")
    assert (folder / "pyramid.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["4.25", "--steps", 1], "model must be one of pyramid"),
        (["pyramid", "--steps", 1, "--threads", 0], "threads must be at least 1"),
        (["pyramid", "--steps", 1, "--footage", "/no/such/folder"], "footage must be a folder"),
        (["pyramid", "--steps", 1, "--footage", "x" * 300], "check its name and permissions"),
        (["pyramid", "--steps", 1, "--from", "/no/such.pth"], "does not exist; check its path"),
        (["pyramid", "--steps", 1, "--teacher", "/no/such.pth"], "does not exist; check its path"),
        (
            ["pyramid", "--steps", 1, "--perceptual", "/no/such.pth"],
            "does not exist; check its path",
        ),
    ],
)
def test_train_names_what_is_wrong_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[object], message: str
) -> None:
    monkeypatch.setattr(drawn_scenes, "Scenes", lambda *_: pytest.fail("scenes are drawn"))
    with pytest.raises(RifeError, match=message):
        call(train_command, *words, "-o", tmp_path)
