"""What an estimate says of backends that cannot run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import vapoursynth as vs

from vsrife.errors import ArgumentError, BackendError
from vsrife.rendering import estimate
from vsrife.rendering.task import Task

TASK = Task(source=Path("in.mkv"), target=Path("out.mkv"), options={})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """An estimate of 100 frames where backends fail as told; all others make 10 a second."""

    def run(**errors: Exception) -> list[estimate.Estimate]:
        def open_film(task: Task, source: Any, marks: None) -> Any:
            error = errors.get(task.options["backend"])
            if error is not None:
                raise error
            return SimpleNamespace(first=0, end=100)

        monkeypatch.setattr(estimate, "is_installed", lambda name: True)
        monkeypatch.setattr(estimate, "open_film", open_film)
        monkeypatch.setattr(estimate, "_speed", lambda film: 10.0)
        monkeypatch.setattr(estimate, "_size", lambda task, source, film: 5.0)
        source: Any = None
        return estimate.estimate(TASK, source)

    return run


def of_rife(error: Exception) -> vs.Error:
    """The error as rife() raises it."""
    made = vs.Error(f"rife: {error}")
    made.__cause__ = error
    return made


def test_a_backend_that_fails_is_named_and_a_plugin_that_is_not_there_is_not(found, capsys):
    missing = {name: of_rife(BackendError("it is broken")) for name in ("mlrt", "openvino")}
    rows = found(**missing)
    assert [row[1:] for row in rows] == [(10.0, 10.0, 500.0)] * 2
    assert {row.backend for row in rows} == {"pytorch", "onnx"}
    assert capsys.readouterr().err == "vsrife: note: openvino is left out: it is broken\n"
    found(mlrt=of_rife(ArgumentError("scale is not for it")))
    assert "mlrt is left out: scale is not for it" in capsys.readouterr().err


def test_an_error_that_all_backends_have_in_common_is_raised_once(found, capsys):
    error = ArgumentError("the source ends before")
    with pytest.raises(ArgumentError, match="ends before"):
        found(pytorch=error, onnx=error, openvino=error, mlrt=error)
    assert capsys.readouterr().err == ""


def test_small_films_have_a_size():
    table = estimate.as_table([estimate.Estimate("onnx", 1, 60, 41_000.0)])
    assert table.splitlines()[1].split() == ["onnx", "1.00", "60", "s", "0.041", "MB"]
