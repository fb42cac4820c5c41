"""`vsrife train`, called as the command line calls it."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from vsrife.cli import main
from vsrife.cli import train as train_command
from vsrife.errors import RifeError
from vsrife.training import loop
from vsrife.training.material import drawn_scenes, footage
from vsrife.training.run_options import CHECKPOINT
from vsrife.weights import save_weights


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
    assert call(train_command, "nano", "-o", folder, "--steps", 1, "--count", 1, "--size", 64) == 0
    assert capsys.readouterr().out.strip() == str(folder / "nano.safetensors")
    assert (folder / "nano.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["4.25", "--steps", 1], "model must be one of nano"),
        (["nano", "--steps", 1, "--threads", 0], "threads must be at least 1"),
        (["nano", "--steps", 1, "--threads", 10**8], "threads must be at most 1024"),
        (["nano", "--steps", 1, "--seed", -1], "seed must be at least 0"),
        (["nano", "--steps", 1, "--seed", 10**30], "seed must be at most"),
        (["nano", "--minutes", "inf"], "minutes must be finite, not inf"),
        (["nano", "--steps", 1, "--rate", "nan"], "rate must be above 0, not nan"),
        (["nano", "--steps", 1, "--size", 8192], "size must be at most 4096, not 8192"),
        (["nano", "--steps", 1, "--device", "cuda:99"], "device 'cuda:99' is not available"),
        (["nano", "--steps", 1, "--device", "gpu"], "device must be one of cuda"),
        (["nano", "--steps", 1, "--device", ""], "device must be one of cuda"),
        (["nano", "--steps", 1, "--cache", "x"], "--cache is for cut footage; add --footage"),
        (["nano", "--steps", 1, "--footage", ".", "--size", 416], "size must be at most 160"),
        (["nano", "--steps", 1, "--footage", "/no/such/folder"], "footage must be a folder"),
        (["nano", "--steps", 1, "--footage", "x" * 300], "check its name and permissions"),
        (["nano", "--steps", 1, "--from", "/no/such.pth"], "does not exist; check its path"),
        (["nano", "--steps", 1, "--teacher", "/no/such.pth"], "does not exist; check its path"),
        (
            ["nano", "--steps", 1, "--perceptual", "/no/such.pth"],
            "does not exist; check its path",
        ),
    ],
)
def test_train_names_what_is_wrong_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[object], message: str
) -> None:
    _draw_nothing(monkeypatch)
    with pytest.raises(RifeError, match=message):
        call(train_command, *words, "-o", tmp_path)


def _draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_scenes, "Scenes", lambda *_: pytest.fail("scenes are drawn"))
    monkeypatch.setattr(footage, "prepare", lambda *_: pytest.fail("footage is cut"))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder of footage with one small photo."""
    folder = tmp_path / "media" / "photos"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((160, 160, 3), 90, np.uint8)).save(folder / "grey.png")
    return folder.parent


def test_a_teacher_without_footage_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _draw_nothing(monkeypatch)
    folder, teacher = tmp_path / "run", tmp_path / "4.6.safetensors"
    teacher.write_bytes(b"not read")
    words = ["train", "nano", "--steps", "1", "--teacher", str(teacher), "-o", str(folder)]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vsrife: error: --teacher {teacher} says how footage moves")
    assert line.endswith("add --footage, or leave --teacher out")
    assert not folder.exists()


@pytest.mark.parametrize("option", ["--from", "--teacher", "--perceptual"])
def test_a_file_that_is_no_such_weights_is_refused_before_anything_is_drawn(
    tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    _draw_nothing(monkeypatch)
    path = tmp_path / "other.safetensors"
    save_weights(path, {"other": np.ones(3, np.float32)}, {})
    words = ["nano", "--steps", 1, "--size", 64, "--footage", media, option, path]
    with pytest.raises(RifeError, match=r"other\.safetensors"):
        call(train_command, *words, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_cut_checkpoint_is_refused_before_anything_is_drawn_and_left_alone(
    tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    _draw_nothing(monkeypatch)
    checkpoint = tmp_path / "run" / CHECKPOINT
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"PK\x03\x04 and no more")
    words = ["nano", "--steps", 1, "--size", 64, "--footage", media, "-o", checkpoint.parent]
    message = "is damaged" if resume else "holds a run already"
    with pytest.raises(RifeError, match=message):
        call(train_command, *words, *["--resume"] * resume)
    assert [path.name for path in checkpoint.parent.iterdir()] == [CHECKPOINT]
    assert checkpoint.read_bytes() == b"PK\x03\x04 and no more"


def test_a_full_disk_while_footage_is_cut_is_one_line(
    tmp_path: Path,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("76800 requested and 4096 written")  # as numpy says it

    monkeypatch.setattr(footage.np, "save", full)
    words = ["train", "nano", "--steps", "1", "--size", "64", "--footage", str(media)]
    assert main([*words, "-o", str(tmp_path / "run")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vsrife: error: footage cannot be cut into {tmp_path / 'run'}")
    assert "is the disk full?" in line
    assert list((tmp_path / "run" / "footage").iterdir()) == []


def test_one_photo_is_footage_enough(
    tmp_path: Path,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loop, "HELD_OUT", 1)
    monkeypatch.setattr(loop, "HELD_OUT_SIZE", 32)
    monkeypatch.setattr(drawn_scenes, "Scenes", partial(drawn_scenes.Scenes, tiles=1, shapes=24))
    words = ["nano", "-o", tmp_path / "run", "--footage", media, "--resume"]
    assert call(train_command, *words, "--steps", 1, "--count", 1, "--size", 64) == 0
    assert "holds no checkpoint; a new run begins" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["4.25", "--steps", 1], "model must be one of nano, small"),
        (["micro", "--steps", 0], "steps must be"),
        (["micro", "--steps", 1, "--cache", "x"], "--cache is for cut footage"),
    ],
)
def test_what_is_mistyped_is_said_without_pytorch(tmp_path, monkeypatch, words, message):
    monkeypatch.setitem(sys.modules, "vsrife.training.before_run", None)  # cannot be imported
    with pytest.raises(RifeError, match=message):
        call(train_command, *words, "-o", tmp_path / "run")
