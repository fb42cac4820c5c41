"""Nothing that we load sends anything, outlives us, or writes beside our cache.

Each backend runs in a fresh interpreter of a user with an empty home. What it asks the system for
is seen with strace, on Linux; the environment can be compared anywhere.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import needs
from vsrife.inference import BACKENDS
from vsrife.inference.backends import mlrt

ROOT = Path(__file__).parents[1]
# What would tell a runtime of ours to behave, or is the user's own: gone
UNSAID = re.compile(r"CI|HOME|TMPDIR|PYTHON.*|XDG_.*|VSRIFE_.*|ORT_.*|.*TELEMETRY.*|DO_NOT_TRACK")
# strace knows not every name on every machine: ? where it may be missing
CALLS = (
    "network,execve,clone,?clone3,?fork,?vfork,?open,openat,?openat2,?creat,?mkdir,mkdirat,?rename,"
    "?renameat,?renameat2,?link,linkat,?symlink,symlinkat,?mknod,mknodat"
)
# ONNX Runtime sends after 10 s; nobody should have to wait for what waits longer than this
PATIENCE = 30
FRAME = """
import os, sys, time
before = dict(os.environ), dict(sys.modules)
import vapoursynth as vs
from vsrife import rife
clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=3)
clip = clip.std.FrameEval(lambda n: clip.std.BlankClip(color=[n / 4] * 3))
rife(clip, backend={backend!r}).get_frame(1).close()
assert dict(os.environ) == before[0]
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
time.sleep({seconds})
"""


def own_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not UNSAID.fullmatch(name)}
    temporary = home / "temporary"
    temporary.mkdir()
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",  # the interpreter's own cache
    }


@dataclass
class Deeds:
    """What a process, its threads and its children did."""

    sockets: list[str] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)
    outlived: list[str] = field(default_factory=list)
    """Children that were there when the process ended."""


def deeds_of(traces: Path, folder: Path) -> Deeds:
    """Read what `strace -ff -ttt -o traces/x` has written: a file for each thread and child.

    folder: where relative paths begin.
    """
    deeds = Deeds()
    ends: dict[str, float] = {}
    children: list[str] = []
    files = {path.suffix[1:]: path.read_text().splitlines() for path in traces.iterdir()}
    for number, lines in files.items():
        for line in lines:
            at, text = line.split(maxsplit=1)
            ends[number] = float(at)  # the last one is its end
            if text.startswith(("+++", "---")) or re.search(r"= -1 E\w+ \(", text):
                continue
            name = text.partition("(")[0]
            if name in ("clone", "clone3", "fork", "vfork"):
                if "CLONE_THREAD" not in text:
                    children.append(text.rpartition(" = ")[2].split()[0])
            elif name in ("open", "openat", "openat2"):
                if "O_CREAT" in text:
                    deeds.made.append(folder / quoted(text)[-1])
            elif re.match("creat|mkdir|rename|link|symlink|mknod", name):
                deeds.made.append(folder / quoted(text)[-1])
            elif name != "execve":
                deeds.sockets.append(text)
    main = min(files, key=lambda number: float(files[number][0].split()[0]))
    deeds.outlived = [child for child in children if ends.get(child, 1e99) > ends[main]]
    return deeds


def quoted(text: str) -> list[str]:
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def traced(code: str, home: Path) -> Deeds:
    """Run code in a fresh interpreter, with `home` as its user's, under strace."""
    traces = home.parent / "traces"
    traces.mkdir()
    command = [
        "strace", "--seccomp-bpf", "-ff", "-ttt", "-q", "-s", "4096", "-e", f"trace={CALLS}",
        "-o", str(traces / "x"), sys.executable, "-c", code,
    ]  # fmt: skip  # one command
    done = subprocess.run(
        command,
        env=own_environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return deeds_of(traces, home)


@functools.cache
def can_trace() -> bool:
    """Also installed, it may be forbidden."""
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "--seccomp-bpf", "-f", "-e", f"trace={CALLS}", "-o", os.devnull, "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    if not can_trace():
        pytest.skip("strace is not installed, or not allowed to look")
    home = tmp_path / "home"
    home.mkdir()
    return home


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


def check(deeds: Deeds, home: Path) -> None:
    cache = home / ".cache" / "vsrife"
    assert deeds.sockets == []
    assert deeds.outlived == []
    ours = {cache, *cache.parents}
    assert [path for path in deeds.made if path not in ours and cache not in path.parents] == []
    assert {path for path in files_in(home) if cache not in path.parents} == set()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_sends_nothing_and_leaves_nothing(home: Path, backend: str) -> None:
    if backend == "mlrt" and not mlrt.plugins():
        pytest.skip("no plugin of vs-mlrt is installed")
    for name in BACKENDS[backend].packages:
        needs.package(name)
    check(traced(frame(backend), home), home)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_nor_does_it_later(home: Path, backend: str) -> None:
    """The waits are the promise: while the process lives, and after its end."""
    if backend == "mlrt" and not mlrt.plugins():
        pytest.skip("no plugin of vs-mlrt is installed")
    deeds = traced(frame(backend, seconds=PATIENCE), home)
    check(deeds, home)
    time.sleep(PATIENCE)
    check(deeds, home)


def test_a_folder_of_the_users_own_holds_all_there_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = home.parent / "chosen"
    deeds = traced(f"import os; os.environ['VSRIFE_CACHE_DIR'] = {str(chosen)!r}" + frame(), home)
    assert files_in(chosen)
    assert not files_in(home)
    assert [p for p in deeds.made if p != chosen and chosen not in p.parents] == []


def frame(backend: str | None = None, seconds: float = 0) -> str:
    return FRAME.format(backend=backend, seconds=seconds)


BAD = {
    "socket": "import socket; socket.socket()",
    "pair of sockets": "import socket; socket.socketpair()",
    "file at home": "import pathlib; pathlib.Path.home().joinpath('id').touch()",
    "file that goes again": "import tempfile; tempfile.TemporaryFile()",
    "folder at home": "import os; os.mkdir('intel')",
    "other name": "import os; os.mkdir('.cache'); os.rename('.cache', 'cache')",
    # each until its parent is gone
    "child that lives on": (
        "import os; parent = os.getpid()\n"
        "if not os.fork():\n"
        "    while os.getppid() == parent: pass\n"
        "    os._exit(0)"
    ),
    "program that lives on": (
        "import os, subprocess; wait = f'while kill -0 {os.getpid()} 2>&-; do :; done'\n"
        "subprocess.Popen(['sh', '-c', wait])"
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_the_tests_above_can_fail(home: Path, case: str) -> None:
    deeds = traced(BAD[case], home)
    with pytest.raises(AssertionError):
        check(deeds, home)


def test_a_child_that_ends_first_is_no_fault(home: Path) -> None:
    check(traced("import subprocess; subprocess.run(['true'])", home), home)
