"""`vsrife build`, called as the command line calls it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import onnxruntime
import pytest
import vapoursynth as vs

from tests.support.clips import own_process
from vsrife import cli, rife
from vsrife.cli import main


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    return tmp_path


def call(*words: object) -> int:
    with own_process():
        return main(["build", "--size", "64x64", *map(str, words)])


def files_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


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
        r"provider 'tensorrt' is not in the installed ONNX Runtime, .*\.\[onnx-gpu\]", said.err
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
    kept = files_in(cache)
    assert kept
    assert call(*KEPT[kind], "--precision", "fp32") == 0
    if kind == "onnx":  # OpenVINO's files are its own
        assert files_in(cache) == kept


def test_each_kind_of_clip_has_a_graph_of_its_own(cache: Path) -> None:
    counts = []
    for kind in ("yuv", "rgbs", "rgbh"):
        call("--provider", "cpu", "--format", kind)
        counts.append(len(files_in(cache)))
    # three stages, of which only the one with pictures depends on the format; fp16 has its own
    assert counts == [3, 4, 7]


@pytest.mark.parametrize("fmt", ["yuv", "rgbh"])
@pytest.mark.parametrize("kind", KEPT)
def test_what_was_built_is_what_the_filter_asks_for(kind: str, fmt: str, cache: Path) -> None:
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    assert call(*KEPT[kind], "--format", fmt) == 0
    built = set(files_in(cache))
    number = {"yuv": vs.YUV420P8, "rgbh": vs.RGBH}[fmt]
    clip = vs.core.std.BlankClip(format=number, width=64, height=64, length=3)
    with own_process():
        provider = "cpu" if kind == "onnx" else None
        rife(clip, backend=kind, provider=provider).get_frame(1).close()
    assert set(files_in(cache)) == built


BAD = {
    "size": (("--size", "64"), "size must be WIDTHxHEIGHT"),
    "provider": (("--provider", "tensor"), "provider must be one of tensorrt, cuda, "),
    "provider of another": (
        ("--backend", "openvino", "--provider", "cpu"),
        "provider is for backend onnx, not openvino",
    ),
    "level": (("--optimization-level", 9), "--optimization-level must be at most 5, not 9"),
    "model": (("--model", "4.99"), "model must be one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_said_in_one_line(
    case: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, message = BAD[case]
    assert call(*words) == cli.FAILED
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])
