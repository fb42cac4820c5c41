"""`.ci/gpu`: its report holds whatever its checks do. The checks themselves run in .ci/run."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.support import needs

CI = Path(__file__).parents[1] / ".ci"


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    return load("gpu", monkeypatch)


# How a check may end: code, stdout, stderr -> its state, a part of the text
ENDS = {
    "well": (0, 'noise\n{"state": "passed", "psnr": 60}\n', "warning", "passed", ""),
    "badly": (0, '{"state": "failed", "text": "row 4.6 is off"}', "", "failed", "row 4.6 is off"),
    "elsewhere": (0, '{"state": "not seen", "text": "no GPU"}', "", "not seen", "no GPU"),
    "crash": (-11, "", "Fatal: driver\nSegmentation fault\n", "failed", "code -11: Segmentation"),
    "crash at the end": (-6, '{"state": "passed"}', "terminate", "failed", "code -6: terminate"),
    "half a line": (0, '{"state": "pas', "", "failed", "ended with code 0"),
    "silence": (0, "", "", "failed", "ended with code 0"),
    "no end": (124, "", "", "failed", "over 9 s"),
}


@pytest.mark.parametrize("case", ENDS)
def test_however_a_check_ends_it_is_told_and_the_next_one_runs(gpu: Any, case: str) -> None:
    *end, state, text = ENDS[case]
    last = (0, '{"state": "passed"}', "")
    ends = iter([tuple(end), last])
    checks = [gpu.Check("one", 9), gpu.Check("two", 9)]
    one, two = gpu.run_checks(checks, lambda check, limit: next(ends), total=100)
    assert (one.state, two.state) == (state, "passed")
    assert text in one.text


def test_what_there_is_no_time_for_is_not_seen(gpu: Any) -> None:
    def run(check: Any, limit: float) -> tuple[int, str, str]:
        assert limit <= 60
        return 0, '{"state": "passed"}', ""

    assert [each.state for each in gpu.run_checks(gpu.CHECKS, run, total=60)] == ["passed"] * len(
        gpu.CHECKS
    )
    assert {each.state for each in gpu.run_checks(gpu.CHECKS, run, total=1)} == {"not seen"}


def test_the_report_is_for_people_and_for_programs(gpu: Any, tmp_path: Path) -> None:
    outcomes = [
        gpu.Outcome("parity", "failed", 3.2, {"psnr": {"4.6 fp16": 12.0}}, "4.6 is off"),
        gpu.Outcome("bench", "not seen", 0, {}, "no time was left"),
    ]
    gpu.write(outcomes, "cuda", tmp_path / "report")
    found = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert found["device"] == "cuda"
    assert [each["check"] for each in found["checks"]] == ["parity", "bench"]
    assert found["checks"][0]["facts"] == {"psnr": {"4.6 fp16": 12.0}}
    text = (tmp_path / "report" / "report.txt").read_text(encoding="utf-8")
    assert "parity     failed      3.2 s: 4.6 is off" in text
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "report.txt"}


def test_every_check_exists(gpu: Any) -> None:
    tree = ast.parse((CI / "gpu_checks.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {check.name for check in gpu.CHECKS} <= functions
    assert sum(check.limit for check in gpu.CHECKS) <= 2 * gpu.TOTAL


def test_a_device_whose_pictures_are_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.package("torch")
    checks: Any = load("gpu_checks", monkeypatch)
    right = checks.speed.new_frame
    calls = []

    def wrong(session: Any, *frames: Any) -> Any:
        calls.append(1)
        made = right(session, *frames)
        return [plane + np.float32(0.1) for plane in made] if len(calls) == 3 else made

    monkeypatch.setattr(checks.speed, "new_frame", wrong)
    monkeypatch.setattr(checks, "REDUCED_ROWS", ("4.15.lite",))
    found = checks.checked("parity", checks.Run("cpu", None))
    # the third picture is that of the row in half precision
    assert found["state"] == "failed"
    assert found["text"].startswith("4.15.lite in fp16 20.")
    assert found["psnr"]["4.15.lite fp32"] == 100
