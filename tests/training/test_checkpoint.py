"""What is in a run's folder survives a full disk; a checkpoint that does not fit is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from vsrife.cli import main
from vsrife.errors import MediaError, ModelError
from vsrife.training import batches, loop
from vsrife.training.generator import Scenes
from vsrife.training.loop import CHECKPOINT, Run, train
from vsrife.training.options import Options


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZES", (32,))
    monkeypatch.setattr(batches, "FIRST_SIZES", (32,))
    monkeypatch.setattr(loop, "HELD_OUT", 1)
    monkeypatch.setattr(loop, "HELD_OUT_SIZE", 32)


def options(folder: Path, **changes: Any) -> Options:
    return Options(**{"model": "nano", "folder": folder, "steps": 6, "batch": 1, **changes})


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


@pytest.mark.parametrize("space", [0, 100_000, 2_000_000])
def test_a_full_disk_while_saving_is_said_and_leaves_what_was_saved(
    run: Run, tmp_path: Path, space: int
) -> None:
    before = contents(tmp_path)
    # 2 MB: the checkpoint, of 7 MB, does not fit, weights would
    with (
        full_disk(space),
        pytest.raises(MediaError, match=r"checkpoint\.pt cannot be written: File too large"),
    ):
        run.save()
    assert contents(tmp_path) == before
    run.save()
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 1


def test_a_full_disk_ends_training_with_one_line_and_the_run_goes_on_later(
    scenes: Scenes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(options(tmp_path, steps=1), scenes)
    before = contents(tmp_path)
    monkeypatch.setattr("vsrife.training.generator.Scenes", lambda *_: scenes)
    words = ["train", "nano", "-o", str(tmp_path), "--steps", "3", "--batch", "1", "--resume"]
    with full_disk(1_000_000):
        assert main(words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("vsrife: error: ")
    assert "File too large" in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert contents(tmp_path) == before
    assert main(words) == 0
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "number", "parts"])
def test_a_damaged_checkpoint_is_refused_by_its_path_and_left_alone(
    run: Run, scenes: Scenes, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / CHECKPOINT
    good = path.read_bytes()
    if damage in ("number", "parts"):
        torch.save(3 if damage == "number" else {"model_name": "nano"}, path)
    else:
        path.write_bytes({"empty": b"", "cut": good[: len(good) // 2], "text": b"hello"}[damage])
    before = contents(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt") as caught:
        train(options(tmp_path, resume=True), scenes)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_architecture_is_refused_by_its_path_and_left_alone(
    run: Run, scenes: Scenes, tmp_path: Path
) -> None:
    path = tmp_path / CHECKPOINT
    state = torch.load(path, weights_only=True)
    key = "block0.merge.weight"
    state["model"][key] = state["model"][key][:, :-1]  # a nano of another width
    torch.save(state, path)
    before = contents(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt.*block0\.merge\.weight") as caught:
        train(options(tmp_path, resume=True), scenes)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_a_checkpoint_of_another_model_is_refused_by_its_name(
    run: Run, scenes: Scenes, tmp_path: Path
) -> None:
    path = tmp_path / CHECKPOINT
    torch.save({**torch.load(path, weights_only=True), "model_name": "huge"}, path)
    with pytest.raises(ModelError, match=r"of model huge, not nano"):
        train(options(tmp_path, resume=True), scenes)
