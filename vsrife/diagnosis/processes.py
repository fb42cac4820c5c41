"""Processes that are ended after a limit: what hangs or crashes costs one line of the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vsrife.messages import one_line

_OURS = str(Path(__file__).parents[2])
_PROBE = "vsrife.diagnosis.probe"
_LONGEST = 20_000  # characters of what a process says that are read


class Ended(NamedTuple):
    """code: exit code, negative for a signal, None: cut off. out, said: of stdout and stderr."""

    code: int | None
    out: str
    said: str


class Answer(NamedTuple):
    """facts: what the process found; error: why there are none, in one line, "" if there are."""

    facts: dict[str, Any]
    error: str = ""


def run(command: Sequence[str], limit: float) -> Ended:
    """Run a program without input; end it after `limit` seconds. OSError if it cannot be run."""
    # files, not pipes: a pipe that a grandchild holds open would be waited for
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=said, env=_environment()
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:  # cut off, or interrupted
                process.kill()
                process.wait()
        return Ended(code, *(_text_of(file) for file in (out, said)))


def ask(what: Sequence[str], limit: float) -> Answer:
    """The answer of `vsrife.diagnosis.probe` to `what`; never raises for what goes wrong there."""
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        answer = Path(folder) / "answer.json"
        # -P: modules in the user's folder are none of its imports
        ended = run([sys.executable, "-P", "-m", _PROBE, str(answer), *what], limit)
        try:
            found = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Answer({}, why(ended, limit))
    return Answer({}, found["error"]) if "error" in found else Answer(found)


def why(ended: Ended, limit: float) -> str:
    """Why a process has given no answer, in one line."""
    if ended.code is None:
        return f"no answer after {limit:g} s; cut off"
    lines = [line for line in ended.said.splitlines() if line.strip()]
    last = f": {one_line(lines[-1])}" if lines else ""
    if ended.code < 0:
        return f"crashed with signal {-ended.code}{last}"
    return f"ended with code {ended.code}{last}"


def _environment() -> dict[str, str]:
    """The user's, so that the same package is found, installed or not."""
    paths = [_OURS, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _text_of(file: Any) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    return text[-_LONGEST:]
