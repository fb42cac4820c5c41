"""`vsrife train` and `vsrife eval`, called as the command line calls them."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vsrife.cli import eval as eval_command
from vsrife.cli import train as train_command
from vsrife.errors import ArgumentError, MediaError, RifeError
from vsrife.net import build
from vsrife.training import atlas, batches, generator, loop


def call(command: ModuleType, *words: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args([str(word) for word in words])))


def write_clip(path: Path, levels: list[int]) -> None:
    """Plain grey pictures of 60 x 42, lossless, full range."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 60, 42, "bgr0"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((42, 60, 3), level, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "grey.mkv"
    write_clip(path, [0, 51, 51, 51, 0])
    return path


def table(printed: str) -> dict[str, list[str]]:
    return {row.split()[0]: row.split()[1:] for row in printed.splitlines()}


def test_eval_measures_hold_and_blend_on_the_frames_left_out(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(eval_command, clip, "--models", "none") == 0
    rows = table(capsys.readouterr().out)
    assert rows["clip"] == ["hold", "blend"]
    # 0 for 51: 13.98 dB; 51 for 51: as equal as it gets, 100 dB; 25.5 for 51: 20 dB, twice
    assert rows["grey.mkv"] == ["56.99", "20.00"]


def test_eval_takes_the_first_frames_only(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(eval_command, clip, "--models", "none", "--against", "hold", "--frames", 3)
    assert table(capsys.readouterr().out)["grey.mkv"] == ["13.98"]


def test_eval_runs_a_weights_file_on_sides_of_any_length(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.safetensors"
    torch.manual_seed(0)
    save_file(build("nano").state_dict(), path)
    call(eval_command, clip, "--models", "none", "--against", "none", "--weights", path)
    (score,) = table(capsys.readouterr().out)["grey.mkv"]
    # plain pictures: whatever the motion, a mask between them gives at least one right half
    assert 13 < float(score) < 101


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--frames", 2], ArgumentError, "frames must be 0"),
        (["--against", "MVTools"], ArgumentError, "hold, blend or none, not 'MVTools'"),
        (["--models", "none", "--against", "none"], ArgumentError, "all empty"),
        (["--models", "4.99"], ArgumentError, "4.99"),
    ],
)
def test_eval_names_what_is_wrong(
    clip: Path, words: list[object], error: type[RifeError], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(eval_command, clip, *words)


def test_eval_names_a_missing_clip_and_one_too_short(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no clip .*nowhere"):
        call(eval_command, tmp_path / "nowhere.mkv", "--models", "none")
    write_clip(tmp_path / "short.mkv", [0, 1])
    with pytest.raises(MediaError, match="fewer than three frames"):
        call(eval_command, tmp_path / "short.mkv", "--models", "none")


def test_train_writes_weights_and_prints_their_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batches, "FIRST_SIZES", (32,))
    monkeypatch.setattr(loop, "HELD_OUT", 1)
    monkeypatch.setattr(loop, "HELD_OUT_SIZE", 32)
    small = atlas.make_sheet(torch.Generator().manual_seed(0), 1)
    monkeypatch.setattr(generator, "make_sheet", lambda *_: small)
    folder = tmp_path / "run"
    assert call(train_command, "nano", "-o", folder, "--steps", 1, "--batch", 1) == 0
    assert capsys.readouterr().out.strip() == str(folder / "nano.safetensors")
    assert (folder / "nano.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["4.25", "--steps", 1], "model must be one of nano"),
        (["nano", "--steps", 1, "--threads", 0], "threads must be at least 1"),
        (["nano", "--steps", 1, "--footage", "/no/such/folder"], "footage must be a folder"),
    ],
)
def test_train_names_what_is_wrong(tmp_path: Path, words: list[object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call(train_command, *words, "-o", tmp_path)
