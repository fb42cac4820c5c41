"""What is in a run's folder survives a full disk; a checkpoint that does not fit is refused."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from vsrife.cli import main
from vsrife.errors import MediaError, ModelError
from vsrife.training import loop
from vsrife.training.loop import Run, train
from vsrife.training.material.drawn_scenes import Scenes
from vsrife.training.run_options import CHECKPOINT, Options

TOO_LARGE = os.strerror(errno.EFBIG)  # what a full disk of `full_disk` is called


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "HELD_OUT", 1)
        patch.setattr(loop, "HELD_OUT_SIZE", 32)
        yield


def options(folder: Path, **changes: Any) -> Options:
    usual = {"model": "nano", "folder": folder, "steps": 6, "count": 1, "size": 64}
    return Options(**{**usual, **changes})


@contextlib.contextmanager
def full_disk(space: int) -> Iterator[None]:
    """No file can become larger than `space` bytes: writes fail in their midst, in C++ too."""
    resource = pytest.importorskip("resource", reason="limits of a process are Unix's")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (space, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def run(scenes: Scenes, tmp_path: Path) -> Run:
    """A run that has been saved in tmp_path, and one step on."""
    run = Run(options(tmp_path), scenes)
    run.save()
    run.advance()
    return run


@pytest.fixture(scope="module")
def saved(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a run that has just begun."""
    folder = tmp_path_factory.mktemp("saved")
    Run(options(folder), scenes).save()
    return (folder / CHECKPOINT).read_bytes()


@pytest.fixture
def checkpoint(saved: bytes, tmp_path: Path) -> Path:
    """That checkpoint in tmp_path."""
    (tmp_path / CHECKPOINT).write_bytes(saved)
    return tmp_path / CHECKPOINT


def test_a_full_disk_while_saving_is_said_and_leaves_what_was_saved(
    run: Run, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    # half of it: the checkpoint does not fit, weights would
    for space in (0, 10_000, len(before[CHECKPOINT]) // 2):
        with (
            full_disk(space),
            pytest.raises(MediaError, match=rf"checkpoint\.pt cannot be written: {TOO_LARGE}"),
        ):
            run.save()
        assert contents(tmp_path) == before, space
    run.save()
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 1


def test_a_disk_that_is_full_of_the_checkpoint_leaves_the_weights_of_before(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(loop, "save_weights", full)
    with pytest.raises(MediaError, match=r"weights .*nano\.safetensors cannot be written"):
        run.save()
    after = contents(tmp_path)
    assert after["nano.safetensors"] == before["nano.safetensors"]
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 1


def test_a_full_disk_ends_training_with_one_line_and_the_run_goes_on_later(
    scenes: Scenes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(options(tmp_path, steps=1), scenes)
    before = contents(tmp_path)
    monkeypatch.setattr("vsrife.training.material.drawn_scenes.Scenes", lambda *_: scenes)
    words = f"train nano --steps 3 --count 1 --size 64 --resume -o {tmp_path}".split()
    with full_disk(len(before[CHECKPOINT]) // 2):
        assert main(words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("vsrife: error: ")
    assert TOO_LARGE in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert contents(tmp_path) == before
    assert main(words) == 0
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "number", "parts"])
def test_a_damaged_checkpoint_is_refused_by_its_path_and_left_alone(
    checkpoint: Path, saved: bytes, scenes: Scenes, tmp_path: Path, damage: str
) -> None:
    if damage in ("number", "parts"):
        torch.save(3 if damage == "number" else {"model_name": "nano"}, checkpoint)
    else:
        broken = {"empty": b"", "cut": saved[: len(saved) // 2], "text": b"hello"}
        checkpoint.write_bytes(broken[damage])
    before = contents(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt") as caught:
        train(options(tmp_path, resume=True), scenes)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_architecture_is_refused_by_its_path_and_left_alone(
    checkpoint: Path, scenes: Scenes, tmp_path: Path
) -> None:
    state = torch.load(checkpoint, weights_only=True)
    key = "block16.volume.weight"
    state["model"][key] = state["model"][key][:, :-1]  # a pyramid of another width
    torch.save(state, checkpoint)
    before = contents(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt.*block16\.volume\.weight") as caught:
        train(options(tmp_path, resume=True), scenes)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_model_is_refused_by_its_name(
    checkpoint: Path, scenes: Scenes, tmp_path: Path
) -> None:
    torch.save({**torch.load(checkpoint, weights_only=True), "model_name": "huge"}, checkpoint)
    with pytest.raises(ModelError, match=r"of model huge, not nano"):
        train(options(tmp_path, resume=True), scenes)
