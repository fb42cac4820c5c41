"""`vsrife build`, called as the command line calls it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import onnxruntime
import pytest
import vapoursynth as vs

from vsrife import rife
from vsrife.cli import main


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    return tmp_path


def call(*words: object) -> int:
    return main(["build", "--size", "64x64", *map(str, words)])


@pytest.mark.skipif(
    "TensorrtExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this ONNX Runtime has it",
)
def test_without_tensorrt_it_says_what_to_install(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(
        r"provider 'tensorrt' is not in the installed ONNX Runtime, .*vsrife\[gpu\]", said.err
    )


KEPT = {
    "onnx": ("--provider", "cpu"),
    "openvino": ("--backend", "openvino"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_other_runtimes_keep_their_graphs(
    kind: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    assert call(*KEPT[kind], "--precision", "fp32") == 0
    assert re.fullmatch(
        rf"nano 64x64 fp32 {KEPT[kind][1]}: ready, \d+\.\d s", capsys.readouterr().out.strip()
    )
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    assert kept
    call(*KEPT[kind], "--precision", "fp32")
    assert {path for path in cache.rglob("*") if path.is_file()} == set(kept)


def test_each_kind_of_clip_has_a_graph_of_its_own(cache: Path) -> None:
    counts = []
    for kind in ("yuv", "rgbs", "rgbh"):
        call("--provider", "cpu", "--format", kind)
        counts.append(sum(path.is_file() for path in cache.rglob("*")))
    assert counts == [1, 2, 3]


def test_what_was_built_is_what_the_filter_asks_for(cache: Path) -> None:
    call("--provider", "cpu", "--format", "rgbh")
    kept = {path for path in cache.rglob("*") if path.is_file()}
    clip = vs.core.std.BlankClip(format=vs.RGBH, width=64, height=64, length=3)
    rife(clip, backend="onnx", provider="cpu").get_frame(1).close()
    assert {path for path in cache.rglob("*") if path.is_file()} == kept


BAD = {
    "size": (("--size", "64"), "size must be WIDTHxHEIGHT"),
    "provider": (("--provider", "tensor"), "provider must be one of tensorrt, cuda, "),
    "provider of another": (
        ("--backend", "openvino", "--provider", "cpu"),
        "provider is for backend onnx, not openvino",
    ),
    "level": (("--optimization-level", 9), "trt_optimization_level must be 0 to 5, not 9"),
    "model": (("--model", "4.99"), "model must be one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_said_in_one_line(
    case: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, message = BAD[case]
    assert call(*words) == 1
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])
