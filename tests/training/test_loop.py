from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from tests.support.vgg import vgg16
from vsrife.errors import ArgumentError, MediaError, ModelError
from vsrife.network import build
from vsrife.training import loop
from vsrife.training.loop import Run, find, train
from vsrife.training.material.batches import Mixer
from vsrife.training.material.drawn_scenes import Batch, Scenes
from vsrife.training.run_options import CHECKPOINT, Options
from vsrife.training.teacher import Teacher
from vsrife.weights import save_weights, write_whole


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "HELD_OUT", 2)
    monkeypatch.setattr(loop, "HELD_OUT_SIZE", 32)
    monkeypatch.setattr(loop, "CALIBRATION", 1)


def options(folder: Path, **changes: Any) -> Options:
    usual = {"model": "nano", "folder": folder, "steps": 6, "count": 1, "size": 64}
    return Options(**{**usual, **changes})


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {f"{part}.{k}": v for part in ("model", "average") for k, v in run.state()[part].items()}


def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    scenes: Scenes, tmp_path: Path
) -> None:
    whole = Run(options(tmp_path), scenes)
    for step in range(4):
        whole.advance()
        if step == 1:
            whole.save()
    resumed = Run(options(tmp_path), scenes)
    resumed.restore(torch.load(tmp_path / CHECKPOINT, weights_only=True))
    for _ in range(2):
        resumed.advance()
    assert resumed.step == whole.step == 4
    ours, theirs = weights(whole), weights(resumed)
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_footage_that_fails_in_the_midst_ends_the_run_with_nothing_lost(
    scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, count = Mixer.draw, iter(range(100))

    def failing(mixer: Mixer, generator: torch.Generator) -> Batch:
        if next(count) == loop.CALIBRATION + 2:
            raise MediaError("cannot read the picture 7.png")
        return draw(mixer, generator)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(options(whole, steps=3), scenes)
    with monkeypatch.context() as patch:
        patch.setattr(Mixer, "draw", failing)
        with pytest.raises(MediaError, match=r"7\.png"):
            train(options(broken, steps=3), scenes)
    assert torch.load(broken / CHECKPOINT, weights_only=True)["step"] == 2
    # the picture is mended, and the run goes on as if nothing had been
    train(options(broken, steps=3, resume=True), scenes)
    ours, theirs = (torch.load(each / CHECKPOINT, weights_only=True) for each in (broken, whole))
    other = [k for k, v in theirs["model"].items() if not torch.equal(v, ours["model"][k])]
    assert other == []


def test_a_teacher_needs_footage(scenes: Scenes, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="add footage"):
        train(options(tmp_path / "run", teacher=tmp_path / "4.6.safetensors"), scenes)
    assert not (tmp_path / "run").exists()


def test_equal_seeds_give_equal_starts_and_batches_and_others_give_others(
    scenes: Scenes, tmp_path: Path
) -> None:
    first, again, other = (Run(options(tmp_path, seed=seed), scenes) for seed in (1, 1, 2))
    starts = [run.model.get_parameter("block16.volume.weight") for run in (first, again, other)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    drawn = [run.batches.take().truth for run in (first, again, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert drawn[0].shape != drawn[2].shape or not torch.equal(drawn[0], drawn[2])


def test_train_goes_to_the_end_and_saves_averaged_weights_that_load(
    scenes: Scenes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(options(tmp_path, steps=2, log_every=1, measure_every=2), scenes)
    with safe_open(path, "pt") as file:
        facts = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
    assert facts["model"] == facts["arch"] == "nano"
    assert facts["licence"] == "MIT"
    assert facts["steps"] == "2"
    build("nano", state_dict=state)
    average = torch.load(tmp_path / CHECKPOINT, weights_only=True)["average"]
    # what training takes off coarse layers is in their biases
    other = [key for key in average if not torch.equal(state[key], average[key])]
    assert other
    assert all(key.endswith(".bias") for key in other)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "step 1 (50.0 %): loss" in printed.err
    assert "blend" in printed.err
    assert sorted(p.name for p in tmp_path.iterdir()) == [CHECKPOINT, "nano.safetensors"]


def test_a_time_budget_ends_the_run(scenes: Scenes, tmp_path: Path) -> None:
    train(options(tmp_path, steps=None, minutes=1e-4), scenes)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] >= 1


def test_the_average_follows_the_weights_slowly(scenes: Scenes, tmp_path: Path) -> None:
    run = Run(options(tmp_path), scenes)
    run.step = 10**6
    before = run.average.get_parameter("block8.body.0.weight").clone()
    run.advance()
    after = run.average.get_parameter("block8.body.0.weight")
    now = run.model.get_parameter("block8.body.0.weight")
    assert torch.allclose(after - before, (now - before) * 0.001, atol=1e-6)


def test_the_learning_rate_rises_and_then_falls() -> None:
    rates = [loop._schedule(step, step / 1000) for step in range(1001)]
    top = rates.index(max(rates))
    assert 0 < rates[0] < 0.05
    assert 40 < top < 60
    assert rates[200] == rates[top] == 1
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(loop.LAST_RATE)


def test_a_failure_while_writing_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, lambda part: part.write_text("new"))
    assert path.read_text() == "new"


def test_a_folder_with_a_run_is_not_overwritten_unless_resumed(
    scenes: Scenes, tmp_path: Path
) -> None:
    train(options(tmp_path, steps=1), scenes)
    with pytest.raises(ArgumentError, match="resume"):
        train(options(tmp_path, steps=2), scenes)
    train(options(tmp_path, steps=2, resume=True), scenes)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 2


def test_a_checkpoint_of_another_model_is_refused(scenes: Scenes, tmp_path: Path) -> None:
    run = Run(options(tmp_path), scenes)
    with pytest.raises(ModelError, match="of model micro, not nano"):
        run.restore({**run.state(), "model_name": "micro"})


def test_a_run_starts_from_given_weights_where_they_fit(
    scenes: Scenes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = build("nano").state_dict()
    given = {key: torch.randn_like(value) for key, value in given.items()}
    path = tmp_path / "given.safetensors"
    save_weights(path, {f"module.{key}": value for key, value in given.items()}, {})
    same = Run(options(tmp_path, start=path), scenes).model.state_dict()
    # biases of centred layers: test_centred
    assert all(torch.equal(same[key], given[key]) for key in given if key.endswith("weight"))
    part = {key: value for key, value in given.items() if key.startswith("encode.")}
    save_weights(path, part, {})
    partly = Run(options(tmp_path, start=path), scenes).model.state_dict()
    assert all(torch.equal(partly[key], part[key]) for key in part if key.endswith("weight"))
    assert "tensors are begun from" in capsys.readouterr().err
    save_weights(path, {"other": torch.ones(3)}, {})
    with pytest.raises(ModelError, match=r"none of the tensors in .*given.* fits the network"):
        Run(options(tmp_path, start=path), scenes)


def test_a_teacher_says_how_footage_moves(scenes: Scenes, tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    save_weights(path, build("4.6").state_dict(), {})
    teacher = Teacher(path, "cpu")
    left, right = torch.rand(2, 2, 3, 40, 56)
    times = torch.tensor([0.25, 0.5]).view(2, 1, 1, 1)
    flow = teacher(left, right, times)
    assert flow.shape == (2, 4, 40, 56)
    again = teacher(left[1:], right[1:], times[1:])
    assert torch.allclose(flow[1:], again, atol=1e-3)
    for row, refused in (("4.0", True), ("nano", True), ("4.25", False)):
        save_weights(path, build(row).state_dict(), {})
        with (
            pytest.raises(ArgumentError, match=r"RIFE 4\.2 to 4\.26") if refused else nullcontext()
        ):
            Run(options(tmp_path, teacher=path), scenes)


def test_first_weights_find_no_motion_yet_and_every_tensor_learns(
    scenes: Scenes, tmp_path: Path
) -> None:
    run = Run(options(tmp_path), scenes)
    batch = scenes.draw(torch.Generator().manual_seed(5), 2, 64, timestep=0.5)
    found = find(run.model, batch)
    assert found.flow.abs().mean() < 8
    before = {key: value.clone() for key, value in run.model.state_dict().items()}
    for _ in range(2):  # what begins at zero moves after what it multiplies
        run.advance()
    same = [k for k, v in run.model.state_dict().items() if torch.equal(v, before[k])]
    assert same == []


def test_a_perceptual_loss_joins_when_its_weights_are_given(scenes: Scenes, tmp_path: Path) -> None:
    path = tmp_path / "vgg.safetensors"
    save_weights(path, vgg16(width=2), {})
    plain, seeing = (Run(options(tmp_path, perceptual=p), scenes) for p in (None, path))
    batch = scenes.draw(torch.Generator().manual_seed(5), 1, 32)
    assert float(seeing._loss(batch).detach()) > float(plain._loss(batch).detach())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "4.25"}, "model must be one of nano, .*, not '4.25'"),
        ({"minutes": 1.0}, "--minutes and --steps exclude each other"),
        ({"steps": None}, "give exactly one"),
        ({"steps": 0}, "steps must be above 0, not 0"),
        ({"count": -1}, "count must be above 0, not -1"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"size": 100}, "size must be a multiple of 32, 64 or more, not 100"),
        ({"size": 32}, "size must be a multiple of 32, 64 or more, not 32"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        options(tmp_path, **changes)
    assert not list(tmp_path.iterdir())
