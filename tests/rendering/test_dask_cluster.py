"""A Dask cluster as the guide starts it, some of whose workers die or stand still."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.needs import package
from tests.support.renders import assert_same_file, draw_film, finished, hashes, start
from vsrife.rendering.jobs.job import folder_of
from vsrife.system.running import is_running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that stop"),
]

# In a worker: a claim of one that stands still ends sooner than after a minute
LEASE = 10.0
PRELOAD = f"""
from vsrife.rendering.jobs import claims
claims.LEASE, claims._BEAT = {LEASE}, {LEASE / 5}
"""
# Dask kills a worker that stands still for 5 minutes; here it does so to the end
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10h"}
LIMIT = 900.0  # seconds; only so that a fault does not hang for ever


def wait_until(holds: Callable[[], bool], render: subprocess.Popen[str] | None = None) -> None:
    """Look until something is so, while a render goes on."""
    end = time.monotonic() + LIMIT
    while not holds():
        assert render is None or render.poll() is None, render.communicate()
        assert time.monotonic() < end
        threading.Event().wait(0.02)


class Cluster:
    """A scheduler and its workers, each with a nanny, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "scheduler.json"
        self._preload = folder / "preload.py"
        self._preload.write_text(PRELOAD)
        self._started: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file))

    def _start(self, *words: str) -> None:
        log = (self._folder / f"log{len(self._started)}").open("wb")
        with log:
            self._started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1", "--no-dashboard"],
                    cwd=self._folder,
                    env=os.environ | ENVIRONMENT,
                    stdout=log,
                    stderr=log,
                    process_group=0,  # a nanny and its worker are ended as one
                )
            )

    def add_worker(self) -> None:
        self._start(
            "worker", "--scheduler-file", str(self._file), "--nthreads", "1",
            "--preload", str(self._preload), "--local-directory", str(self._folder),
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Where the scheduler is, once it is there."""
        import distributed

        with distributed.Client(scheduler_file=str(self._file), set_as_default=False) as client:
            return str(client.scheduler.address)

    def close(self) -> None:
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("log*")))


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    package("distributed")
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made
    finally:
        made.close()
        print(made.logs())


def holders(folder: Path) -> dict[int, str]:
    """Process -> the segment that it has claimed."""
    found = {}
    for path in folder.glob("*.claim"):
        with contextlib.suppress(OSError, IndexError, ValueError):  # it may go at any moment
            found[int(path.read_text().split()[1])] = path.stem
    return found


def stop_one_with_a_claim(folder: Path, but: set[int]) -> int | None:
    """Let a worker stand still while it makes a segment; its process, None if none could be."""
    for pid in set(holders(folder)) - but:
        os.kill(pid, signal.SIGSTOP)
        if pid in holders(folder):
            return pid
        os.kill(pid, signal.SIGCONT)  # it had just finished
    return None


def test_killed_and_frozen_workers_of_a_dask_cluster_cost_no_frame(
    cluster: Cluster, tmp_path: Path, weights: Path
):
    """Three workers: one is killed, one stands still, one goes on; their nannies start others."""
    count = 2000
    film = draw_film(tmp_path / "film.mkv", count, every=150)
    whole, target = tmp_path / "whole.mp4", tmp_path / "shared.mp4"
    words = ["--model", str(weights), "--backend", "onnx", "--preset", "ultrafast"]
    finished(start([str(film), "-o", str(whole), *words], longest=4))
    for _ in range(3):
        cluster.add_worker()
    shared = [str(film), "-o", str(target), *words, "--dask", cluster.address]
    render = start(shared, longest=4)
    folder = folder_of(target)
    struck: list[int] = []

    def strike() -> bool:
        pid = stop_one_with_a_claim(folder, {render.pid, *struck})
        struck.extend([] if pid is None else [pid])
        return pid is not None

    wait_until(strike, render)
    wait_until(strike, render)
    killed, frozen = struck
    os.kill(killed, signal.SIGKILL)
    lost = holders(folder).get(frozen)
    said = finished(render)
    assert said.count("joins in") >= 3
    assert "the rest is made here" not in said
    assert_same_file(target, whole)
    assert len(hashes(target)) == 2 * count
    # it stands still to the end; when it goes on, there is nothing left that it could spoil
    before = target.read_bytes()
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: f"{folder} is gone" in cluster.logs() or not is_running(frozen))
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.mkv", "shared.mp4", "whole.mp4",
    ]  # fmt: skip
    print(f"killed: {killed}; frozen with segment {lost}: {frozen}\n{said}")
