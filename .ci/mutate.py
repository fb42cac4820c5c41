"""Runs cosmic-ray over the modules that are arithmetic; see .ci/mutate.

Not mutmut: it forks after the tests have started VapourSynth, whose threads do not live in the
child, so each mutant that needs a frame hangs and would count as seen.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[1]
VIDEO, DETECTION = "tests/video/test_", "tests/detection/test_"
# module -> its tests, the quickest first: the first failure ends a run
MODULES = {
    "vsrife/checks.py": [
        f"tests/test_{name}.py" for name in ("checks", "arguments", "choices", "bad_input")
    ],
    "vsrife/video/timeline.py": [f"{VIDEO}timeline.py", f"{VIDEO}time.py"],
    "vsrife/video/plans.py": [
        f"{VIDEO}{name}.py" for name in ("cuts", "duplicates", "bad_frames", "third_frames")
    ],
    "vsrife/video/marks/duplicates.py": [f"{VIDEO}duplicates.py"],
    "vsrife/video/colour.py": [f"{VIDEO}colour.py"],
    "vsrife/detection/runs.py": [
        f"{DETECTION}runs.py",
        f"{VIDEO}duplicates.py",
        f"{VIDEO}third_frames.py",
    ],
    "vsrife/detection/cuts.py": [f"{DETECTION}scores.py", f"{DETECTION}arrays.py"],
    "vsrife/detection/luma.py": [f"{DETECTION}scores.py", f"{DETECTION}arrays.py"],
}
# One change of each kind says what its dozen relatives would: `-` to `+`, but not to `<<`. Those
# of `|` would only change types.
KEPT = (
    "Binary", ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul"),
    "Comparison",
    ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
)  # fmt: skip  # kind, then its changes
SKIPPED = [
    *(f"core/Replace{kind}Operator_(?!({'|'.join(changes)})$)" for kind, changes in
      zip(KEPT[::2], KEPT[1::2], strict=True)),
    "core/RemoveDecorator",
]  # fmt: skip  # regular expressions
SECONDS = 120  # for the tests of one mutant; longer is an endless loop, which is seen
# A failure is enough: hypothesis would look for the smallest one for minutes. And it must be the
# mutant's: on a busy machine hypothesis finds its own drawing of examples too slow.
PROFILE = """
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "verdict", derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
"""


@dataclass
class Result:
    """What the tests made of a module's mutants. unseen: place and change of each survivor."""

    module: str
    seen: int = 0
    slow: int = 0  # seen only because the tests did not end
    unseen: list[str] = field(default_factory=list)


class CommandError(Exception):
    """Nothing can be said of a module, such as where its tests fail without a mutant."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="modules, such as timeline [all]")
    parser.add_argument("--python", type=Path, required=True, help="that runs the tests")
    parser.add_argument("--copies", type=Path, required=True, help="folder for copies of the tree")
    parser.add_argument("--most", type=int, help="mutants of a module, evenly spread [all]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="copies at a time")
    args = parser.parse_args()
    chosen = [m for m in MODULES if not args.names or Path(m).stem in args.names]
    if not chosen:
        parser.error(f"names must be of {', '.join(Path(m).stem for m in MODULES)}")
    # the module with most mutants first, so that no core waits at the end
    chosen.sort(key=lambda module: -(ROOT / module).stat().st_size)

    def tried(module: str) -> Result | str:
        try:
            return mutate(module, args.copies, args.python, args.most)
        except CommandError as error:
            return str(error)

    with ThreadPoolExecutor(args.jobs) as pool:
        found = list(pool.map(tried, chosen))
    results = [each for each in found if isinstance(each, Result)]
    failures = [each for each in found if isinstance(each, str)]
    for result in results:
        report(result)
    everything = Result(
        "together", *(sum(getattr(r, n) for r in results) for n in ("seen", "slow"))
    )
    everything.unseen = [line for result in results for line in result.unseen]
    report(everything, lines=False)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def mutate(module: str, copies: Path, python: Path, most: int | None) -> Result:
    """Change the module in a copy of the tree, in one way after the other, and test each.

    most: how many changes, evenly spread; None: all.
    """
    copy = copies / Path(module).stem
    tracked = subprocess.check_output(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT
    )
    for name in filter(None, tracked.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / "verdict_profile.py").write_text(PROFILE, encoding="utf-8")
    tests = [python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "verdict_profile",
             "--hypothesis-profile=verdict", *MODULES[module]]  # fmt: skip  # a command
    (copy / "mutate.toml").write_text(
        "[cosmic-ray]\n"
        f"module-path = {json.dumps(module)}\n"
        f"timeout = {SECONDS}\n"
        "excluded-modules = []\n"
        f"test-command = {json.dumps(' '.join(map(str, tests)))}\n"
        'distributor.name = "local"\n'
        f"filters.operators-filter.exclude-operators = {json.dumps(SKIPPED)}\n",
        encoding="utf-8",
    )
    run(["cosmic-ray", "init", "mutate.toml", "mutants.sqlite"], copy)
    run(["cr-filter-operators", "mutants.sqlite", "mutate.toml"], copy)
    if most is not None:
        leave_out(copy / "mutants.sqlite", most)
    run(["cosmic-ray", "baseline", "mutate.toml"], copy)
    run(["cosmic-ray", "exec", "mutate.toml", "mutants.sqlite"], copy)
    return read(module, run(["cosmic-ray", "dump", "mutants.sqlite"], copy))


def leave_out(session: Path, most: int) -> None:
    """Skip all mutants but `most`, evenly spread over the module."""
    with use_db(session) as found:
        waiting = sorted(found.pending_work_items, key=lambda item: item.mutations[0].start_pos)
        kept = {len(waiting) * i // most for i in range(most)}
        for i, item in enumerate(waiting):
            if i not in kept:
                found.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def run(command: list[str], copy: Path) -> str:
    program = Path(sys.executable).with_name(command[0])
    # one thread each: as many copies run as there are cores
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [program, *command[1:]], cwd=copy, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise CommandError(f"{copy.name}: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def read(module: str, dumped: str) -> Result:
    result = Result(module)
    for item, outcome in map(json.loads, filter(None, dumped.splitlines())):
        if outcome is None or outcome["worker_outcome"] == "skipped":
            continue
        if outcome["test_outcome"] == "survived":
            mutation = item["mutations"][0]
            line = mutation["start_pos"][0]
            result.unseen.append(f"{module}:{line} {' '.join(changes(outcome['diff']))}")
        else:
            result.seen += 1
            result.slow += outcome["output"] == "timeout"
    return result


def changes(diff: str) -> Iterator[str]:
    """The lines of a diff that are new."""
    for line in diff.splitlines():
        if re.match(r"\+(?!\+\+)", line):
            yield line[1:].strip()


def report(result: Result, *, lines: bool = True) -> None:
    if lines:
        print(*sorted(result.unseen), sep="\n")
    total = result.seen + len(result.unseen)
    share = 100 * result.seen / total if total else 100
    print(f"{result.module}: {result.seen} of {total} seen, {share:.0f} % ({result.slow} by time)")


if __name__ == "__main__":
    sys.exit(main())
