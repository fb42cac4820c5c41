"""Parts that hang, crash or answer nonsense cost one line, and no more time than the limit."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from vsrife.diagnosis.processes import ask, run, why

HANGS = "import threading; threading.Event().wait()"


def test_a_program_gives_its_code_and_what_it_said():
    ended = run([sys.executable, "-c", "import sys; print(1); sys.stderr.write('no'); exit(3)"], 60)
    assert (ended.code, ended.out.strip(), ended.said) == (3, "1", "no")
    assert why(ended, 60) == "ended with code 3: no"


def test_what_hangs_is_cut_off():
    ended = run([sys.executable, "-c", HANGS], 0.2)
    assert ended.code is None
    assert why(ended, 0.2) == "no answer after 0.2 s; cut off"


@pytest.mark.skipif(os.name == "nt", reason="POSIX's signals")
def test_a_child_of_the_child_that_goes_on_is_not_waited_for(tmp_path: Path):
    number = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib; "
        f"child = subprocess.Popen([sys.executable, '-c', {HANGS!r}]); "
        f"pathlib.Path({str(number)!r}).write_text(str(child.pid)); print('done')"
    )
    try:
        assert run([sys.executable, "-c", code], 60).out.strip() == "done"
    finally:
        os.kill(int(number.read_text()), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="POSIX's signals")
def test_a_crash_names_its_signal():
    ended = run(
        [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"], 60
    )
    assert why(ended, 60).startswith("crashed with signal 11")


def runtime(folder: Path, code: str) -> None:
    """A broken package of ONNX Runtime, which Python finds before the real one."""
    package = folder / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").write_text(code)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no such\\nlibrary')", "(no such library)"),
        ("import sys; sys.exit('licence expired')", "licence expired"),
        ("import os; os.write(2, b'a b\\nlast words\\n'); os._exit(1)", "code 1: last words"),
    ],
)
def test_a_runtime_that_fails_in_its_own_way_is_one_line(tmp_path, monkeypatch, code, said):
    runtime(tmp_path, code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = ask(["backend", "onnx"], 60)
    assert not answer.facts
    assert "\n" not in answer.error
    assert said in answer.error


def test_an_unknown_question_is_an_error_not_an_exception():
    assert ask(["backend", "no-such"], 60).facts == {"installed": False}
