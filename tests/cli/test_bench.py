"""`vsrife bench`, called as the command line calls it."""

from __future__ import annotations

import itertools
import json
import re
import types

import pytest

from vsrife.cli import main
from vsrife.evaluation import speed


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
    "model": (("--models", "4.99"), "model must be one of .* not '4.99'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_said_in_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, message = BAD[case]
    assert call(*words) == 1
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
