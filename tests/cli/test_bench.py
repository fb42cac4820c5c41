"""`vsrife bench`, called as the command line calls it."""

from __future__ import annotations

import itertools
import json
import re
import types
from importlib.util import find_spec
from pathlib import Path

import pytest
import vapoursynth as vs

from vsrife import cli
from vsrife.cli import main
from vsrife.evaluation.timing import contenders, speed


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")


def call(*words: object) -> int:
    return main(["bench", *map(str, words)])


def test_backends_take_turns_on_the_same_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--size", "64x64", "--rounds", 1, "--threads", 1) == 0
    said = capsys.readouterr()
    header, *rows = said.out.splitlines()[-3:]
    backends = header.split()[3:]
    assert backends[0] == "pytorch"
    assert [row.split()[:3] for row in rows] == [
        ["nano", "64x64", "network"],
        ["nano", "64x64", "filter"],
    ]
    for row in rows:
        ratios = [float(ratio) for ratio in re.findall(r"([\d.]+)x(?= |$)", row)]
        assert len(ratios) == len(backends)
        assert ratios[0] == 1.0
    assert "nano 64x64 network: done" in said.err


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--backends", "onnx", "--part", "network", "--size", "64x64,128x64", "--rounds", 1)
    assert call(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["width"], row["height"]) for row in found["rows"]] == [(64, 64), (128, 64)]
    assert all(set(row["seconds"]) == {"onnx"} for row in found["rows"])
    assert found["machine"]["versions"].startswith("onnx ")


def test_networks_that_are_not_here_are_timed_with_any_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--models", "4.15.lite", "--backends", "onnx", "--part", "network")
    assert call(*words, "--size", "64x64", "--rounds", 1) == 0
    said = capsys.readouterr()
    assert "4.15.lite is not on this machine; its network is timed with random" in said.err
    assert said.out.splitlines()[-1].split()[0] == "4.15.lite"


def test_a_profile_tells_what_the_time_goes_to(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--profile", "--backends", "onnx", "--size", "64x48", "--rounds", 1)
    assert call(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)["profile"]
    keys = {"model", "width", "height", "backend", "stage", "kind", "seconds", "share"}
    assert all(set(row) == keys | {"operations"} for row in found)
    assert {(row["model"], row["width"], row["height"]) for row in found} == {("nano", 64, 48)}
    assert call(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    title = lines.index("nano 64x48 onnx")
    assert lines[title + 1].split() == ["stage", "kind", "time", "share", "operations"]
    assert any(line.startswith("new frame") for line in lines[title + 2 :])


def test_a_filter_is_told_of_in_every_way(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plot = tmp_path / "stages.png"
    words = ["--part", "filter", "--backends", "onnx", "--size", "64x48", "--rounds", 2, "--json"]
    if find_spec("matplotlib"):
        words += ["--plot", plot]
    assert call(*words) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    # these are a promise
    assert (row["model"], row["width"], row["height"], row["part"]) == ("nano", 64, 48, "filter")
    seconds = row["seconds"]["onnx"]
    stages = row["stages"]["onnx"]
    assert set(stages) == {"to_working", "prepare", "interpolate", "to_source", "rest"}
    assert sum(stages.values()) == pytest.approx(seconds, abs=1e-4)
    assert row["frames_per_second"]["onnx"] == pytest.approx(1 / seconds, rel=0.01)
    ratio = seconds / row["network_seconds"]["onnx"]
    assert row["over_network"]["onnx"] == pytest.approx(ratio, rel=0.01)
    # YUV420P8 in and out, and three times RGB of floating point
    assert row["bytes_moved"]["onnx"] == 64 * 48 * (2 * 1.5 + 3 * 3 * 4)
    for name in ("first_frame", "random_frame", "peak_memory", "cpu_seconds"):
        value = row[name]["onnx"]
        assert value is None or value > 0
    if plot in words:
        assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_clip_of_ones_own_is_timed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def film(path: Path, size: tuple[int, int]) -> vs.VideoNode:
        asked.append((path, size))
        return contenders.clip_of(contenders.demo_frames(size))[:3]

    monkeypatch.setattr(contenders, "film_of", film)
    path = tmp_path / "film.mkv"
    words = ("--clip", path, "--backends", "onnx", "--part", "network", "--size", "64x48")
    assert call(*words, "--rounds", 1) == 0
    assert asked == [(path, (64, 48))]


THERE = next(Path(__file__).parents[2].joinpath("docs", "pictures").glob("*.png"))
BAD = {
    "size": (("--size", "640"), "size must be WIDTHxHEIGHT, such as 1280x720, not '640'"),
    "small": (("--size", "8x8"), "size must be 16 to 16384 pixels each way, not '8x8'"),
    "backend": (("--backends", "cudnn"), "backends must be of pytorch, onnx, .*not 'cudnn'"),
    "no backend": (("--backends", ","), "backends is empty; name at least one"),
    "no model": (("--models", ","), "models is empty; name at least one"),
    "rounds": (("--rounds", 0), "rounds must be at least 1 and at most 1000, not 0"),
    "many rounds": (("--rounds", 10**20), "rounds must be at least 1 and at most 1000, not 1000"),
    "threads": (("--threads", 0), "threads must be at least 1 and at most 1024, not 0"),
    "many threads": (("--threads", 10**14), "threads must be at least 1 and at most 1024, not 1"),
    "peer": (("--part", "filter", "--against", "rife"), "against must be of vs-rife, vs-mlrt"),
    "peer without filter": (("--against", "vs-mlrt"), "--against and --plot are of filters"),
    "plot without filter": (("--plot", "a.png"), "--against and --plot are of filters"),
    "peer in fp16": (
        ("--part", "filter", "--against", "vs-mlrt", "--precision", "fp16"),
        "--against is for fp32 at scale 1",
    ),
    "bf16 elsewhere": (
        ("--backends", "openvino,onnx", "--precision", "bf16"),
        "bf16.* is for backend .openvino. on a CPU, and not for backend='onnx'",
    ),
    "plot nowhere": (("--part", "filter", "--plot", "/no/a.png"), "folder .*no does not exist"),
    "plot of another kind": (
        ("--part", "filter", "--plot", "a.svg"),
        "must be a file that ends in",
    ),
    "plot over a file": (("--part", "filter", "--plot", THERE), "exists; choose another name"),
    "profile of a part": (("--profile", "--part", "filter"), "--profile is of networks"),
    "clip": (("--clip", "/no/film.mkv", "--backends", "onnx"), "there is no clip /no/film.mkv"),
    "model": (("--models", "4.99"), "--models must be one of .* not '4.99'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_said_in_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, message = BAD[case]
    assert call(*words) == cli.FAILED
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])


def test_a_round_begins_with_another_one_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    clock = types.SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr(speed, "time", clock)
    called: list[str] = []
    names = ["a", "b", "c"]
    calls = {name: lambda name=name: called.append(name) for name in names}
    assert speed.rounds_of(calls, 3) == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert "".join(called) == "abc" + "abc" + "bca" + "cab"
