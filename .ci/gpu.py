#!/usr/bin/env python3
"""Runs the checks of gpu_checks.py, each with a limit in a process of its own, and reports.

What a check does to its process (a crash of a driver, memory that is gone) is then no other's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TOTAL = 450  # seconds for all of it
PASSED, FAILED, NOT_SEEN = "passed", "failed", "not seen"


class Check(NamedTuple):
    """name: a function of gpu_checks.py; limit: seconds."""

    name: str
    limit: int


# In this order, so that what matters most is there if time runs out
CHECKS = (
    Check("machine", 60),
    Check("parity", 120),
    Check("feeding", 120),
    Check("tests", 100),
    Check("seeks", 90),
    Check("memory", 60),
    Check("bench", 150),
    Check("tensorrt", 200),
)


class Outcome(NamedTuple):
    """facts: what was measured; text: why, where it is not passed."""

    check: str
    state: str
    seconds: float
    facts: dict[str, Any]
    text: str = ""


def run_checks(
    checks: Iterable[Check], run: Callable[[Check, float], tuple[int, str, str]], total: float
) -> list[Outcome]:
    """All checks, while time is left. run: gives exit code, stdout and stderr of one, in at most
    so many seconds; None as code: its time is over."""
    outcomes, begin = [], time.monotonic()
    for check in checks:
        left = total - (time.monotonic() - begin)
        if left < 5:
            outcomes.append(Outcome(check.name, NOT_SEEN, 0, {}, "no time was left"))
            continue
        started = time.monotonic()
        code, out, said = run(check, min(left, check.limit))
        outcomes.append(_outcome(check, code, out, said, time.monotonic() - started))
    return outcomes


def _outcome(check: Check, code: int, out: str, said: str, seconds: float) -> Outcome:
    lines = [line for line in out.splitlines() if line.startswith("{")]
    last = next(iter(said.strip().splitlines()[-1:]), "")
    try:
        found = json.loads(lines[-1])
    except (IndexError, ValueError):
        text = f"ended with code {code}: {last}" if code != TIMED_OUT else f"over {check.limit} s"
        return Outcome(check.name, FAILED, seconds, {}, text[:500])
    state = found.pop("state")
    if code and state == PASSED:  # it crashed at its end
        state, found["text"] = FAILED, f"ended with code {code}: {last}"
    return Outcome(check.name, state, seconds, found, str(found.pop("text", ""))[:500])


TIMED_OUT = 124


def run_one(check: Check, limit: float, words: list[str]) -> tuple[int, str, str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.setdefault("VSRIFE_CACHE_DIR", "none")
    command = [sys.executable, str(ROOT / ".ci" / "gpu_checks.py"), check.name, *words]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, said = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            # with what it has started, which would disturb the checks after it
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return TIMED_OUT, "", ""
    return process.returncode, out, said


def as_text(outcomes: list[Outcome], device: str) -> str:
    lines = [f"vsrife on {device}, {platform.platform()}", ""]
    for each in outcomes:
        why = f": {each.text}" if each.text else ""
        lines.append(f"{each.check:10} {each.state:8} {each.seconds:6.1f} s{why}")
        lines += [f"    {name}: {_short(value)}" for name, value in each.facts.items()]
    return "\n".join(lines) + "\n"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 2000 else f"{text[:2000]} ..."


def write(outcomes: list[Outcome], device: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    report = {"device": device, "checks": [each._asdict() for each in outcomes]}
    for name, text in (
        ("report.json", json.dumps(report, indent=1)),
        ("report.txt", as_text(outcomes, device)),
    ):
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, xpu, mps; cpu: reduced")
    parser.add_argument("--vs-rife", metavar="WHEEL", help="the peer, to be timed beside us")
    parser.add_argument("-o", default="gpu-report", metavar="FOLDER", help="[gpu-report]")
    args = parser.parse_args()
    if args.vs_rife and not Path(args.vs_rife).exists():
        parser.error(f"--vs-rife {args.vs_rife} does not exist")
    words = [args.device, *([args.vs_rife] if args.vs_rife else [])]
    checks: Iterable[Check] = CHECKS
    if args.device == "cpu":
        checks = [Check("reduced", TOTAL)]  # in one process: most of its time is imports
    outcomes = run_checks(checks, lambda check, limit: run_one(check, limit, words), TOTAL)
    if args.device == "cpu":
        outcomes = _apart(outcomes)
    write(outcomes, args.device, Path(args.o))
    sys.stdout.write(as_text(outcomes, args.device))
    return int(any(each.state == FAILED for each in outcomes))


def _apart(outcomes: list[Outcome]) -> list[Outcome]:
    """The checks that ran in one process, as if they had not."""
    (whole,) = outcomes
    if whole.state == FAILED:
        return outcomes
    return [
        Outcome(name, each.pop("state"), each.pop("seconds"), each, str(each.pop("text", "")))
        for name, each in whole.facts.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
