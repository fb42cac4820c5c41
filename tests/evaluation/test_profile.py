"""`vsrife bench --profile`: what the runtimes' own counters say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support import needs
from tests.support.clips import random_weights
from vsrife.errors import ArgumentError
from vsrife.evaluation.timing import counters, speed
from vsrife.evaluation.timing.profile import OUTSIDE, kind_of, profile
from vsrife.export import export_model

SIZE = (64, 48)
PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime", "pytorch": "torch"}


def frames() -> list[speed.Frame]:
    draw = np.random.default_rng(0)
    return [[draw.random(SIZE[::-1], np.float32) for _ in range(3)] for _ in range(3)]


# Names as OpenVINO, ONNX Runtime and PyTorch write them
OPERATIONS = {
    "Convolution": "convolution", "FusedConv": "convolution", "NhwcFusedConv": "convolution",
    "ConvolutionBackpropData": "convolution", "ConvTranspose": "convolution",
    "aten::mkldnn_convolution": "convolution", "aten::slow_conv_transpose2d": "convolution",
    "GridSample": "warp", "DeformConv": "warp", "aten::grid_sampler_2d": "warp",
    "Interpolate": "resize", "Resize": "resize", "aten::upsample_bilinear2d": "resize",
    "aten::pixel_shuffle": "resize", "DepthToSpace": "resize",
    "Convert": "convert", "Cast": "convert", "aten::_to_copy": "convert",
    "Concat": "join and split", "VariadicSplit": "join and split", "aten::cat": "join and split",
    "Broadcast": "join and split", "StridedSlice": "join and split", "Gather": "join and split",
    "Reorder": "layout", "Transpose": "layout", "ReorderInput": "layout", "aten::copy_": "layout",
    "ReduceSum": "reduce", "AvgPool": "reduce", "Softmax": "reduce", "aten::sum": "reduce",
    "Subgraph": "elementwise", "Eltwise": "elementwise", "LeakyRelu": "elementwise",
    "aten::leaky_relu": "elementwise", "Mul": "elementwise", "aten::clamp": "elementwise",
    "Sqrt": "elementwise", "NotAnOperation": "other",
}  # fmt: skip  # a table


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_its_kind(operation: str) -> None:
    assert kind_of(operation) == OPERATIONS[operation]


@pytest.mark.parametrize("backend", PACKAGES)
def test_stages_are_told_apart_and_their_shares_add_up(
    backend: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.package(PACKAGES[backend])
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    path = str(random_weights(tmp_path, "4.15.lite"))  # has an encoder, and no stage for a pair
    settings = speed.settings_of(backend, path, SIZE, threads=1)
    rows = profile(backend, settings, frames(), 1)
    assert rows[-1].stage == OUTSIDE
    stages: dict[str, list[Any]] = {}
    for row in rows[:-1]:
        stages.setdefault(row.stage, []).append(row)
        assert row.seconds == pytest.approx(math.fsum(row.operations.values()))
        assert {kind_of(name) for name in row.operations} == {row.kind}
    assert list(stages) == [counters.ENCODER, counters.NEW]
    for stage in stages.values():
        assert math.fsum(row.share for row in stage) == pytest.approx(1)
        assert [row.seconds for row in stage] == sorted((r.seconds for r in stage), reverse=True)
    # the encoder of this row has convolutions and no warp; the rest of it has both
    kinds = {name: {row.kind for row in stage} for name, stage in stages.items()}
    assert "convolution" in kinds[counters.ENCODER] & kinds[counters.NEW]
    assert "warp" in kinds[counters.NEW] - kinds[counters.ENCODER]


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_a_graph_of_ones_own_has_one_stage(
    backend: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is run once when it is opened, which is no stage."""
    needs.package(PACKAGES[backend])
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    path = tmp_path / "whole.onnx"
    export_model(random_weights(tmp_path, "4.15.lite"), path, layout="v2", size=SIZE)
    settings = speed.settings_of(backend, str(path), SIZE, threads=1)
    rows = profile(backend, settings, frames(), 1)
    assert {row.stage for row in rows} == {counters.NEW, OUTSIDE}


def test_a_backend_without_counters_is_refused() -> None:
    settings = speed.settings_of("onnx", "nano", SIZE, threads=1)
    with pytest.raises(ArgumentError, match=r"backends must be of .* not 'mlrt'; others have no"):
        profile("mlrt", settings, frames(), 1)


class Stage(counters._Program):
    """A program whose n-th run is told as `name` with n seconds."""

    def __init__(self, tally: counters._Tally, name: str) -> None:
        super().__init__(tally)
        self.name, self.runs = name, 0

    def _run(self, feeds: Any, stay: bool) -> dict[str, Any]:
        self.runs += 1
        return {}

    def calls(self) -> list[counters.Call]:
        return [[counters.Spent(self.name, float(n))] for n in range(1, self.runs + 1)]


class Staged:
    """A session with a program for each stage; that of a pair runs once a pair."""

    def __init__(self, tally: counters._Tally) -> None:
        self.encoder, self.pair, self.new = (Stage(tally, name) for name in ("e", "p", "n"))
        self.matched: object = None

    def prepare(self, planes: Any) -> object:
        self.encoder.run({})
        return object()

    def interpolate(self, left: object, right: object, timestep: float, into: Any) -> float:
        if self.matched != (left, right):
            self.matched = (left, right)
            self.pair.run({})
        self.new.run({})
        return 1.0


def test_what_runs_once_a_pair_is_the_pairs_and_the_cold_round_does_not_count() -> None:
    tally = counters._Tally()
    session: Any = Staged(tally)
    counts = tally.counts(session, frames(), 2)
    seconds = {stage: [spent.seconds for (spent,) in c] for stage, c in counts.calls.items()}
    # two source frames before the first warm round, and of the others one pair and two new frames
    assert seconds == {
        counters.ENCODER: [3.0, 4.0],
        counters.PAIR: [2.0, 3.0],
        counters.NEW: [3.0, 4.0, 5.0, 6.0],
    }


def test_the_events_of_onnx_runtime_are_told_apart_by_run() -> None:
    def event(name: str, start: int, length: int, op: str = "") -> dict[str, Any]:
        category = "Node" if op else "Session"
        found: dict[str, Any] = {"name": name, "cat": category, "ts": start, "dur": length}
        return found | {"args": {"op_name": op} if op else {}}

    events = [
        event("session_initialization", 0, 50),
        event("a_kernel_time", 110, 20, "Conv"),
        event("b_fence_before", 131, 1, "Mul"),
        event("b_kernel_time", 135, 5, "Mul"),
        event("model_run", 100, 60),
        event("a_kernel_time", 210, 30, "Conv"),
        event("model_run", 200, 60),
    ]
    spent = counters.Spent
    assert counters.runs_of(events) == [
        [spent("Conv", 20e-6), spent("Mul", 5e-6)],
        [spent("Conv", 30e-6)],
    ]
