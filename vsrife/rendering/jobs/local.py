"""Workers on this machine: processes that make segments until all are made, or we are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from vsrife.inference.base import Hardware
from vsrife.inference.select import candidates
from vsrife.media.parts import release_all
from vsrife.messages import error, note, one_line
from vsrife.rendering.jobs.job import Job
from vsrife.rendering.jobs.work import join_in, wait_for_others
from vsrife.rendering.progress import Progress, Silent
from vsrife.rendering.task import AUTO, Task

MOST = 64
_MOST_STREAMS = 8  # frames at a time in one worker, each of which takes memory
_PATIENCE = 5.0  # seconds for a worker to end


def pinned(task: Task) -> Task:
    """`task` for several workers: one thread for each new frame, and several frames at a time.

    With more threads for one frame, ONNX Runtime and OpenVINO may round its last bit otherwise;
    so the bytes do not depend on the number of workers. PyTorch cannot be told.
    """
    named = {"threads", "num_streams"} & set(task.options)
    backend = _cpu_backend(task)
    if task.workers == AUTO:
        task = replace(task, workers=_as_many_as_pay(task))
    if task.workers < 2 or named or backend not in ("onnx", "openvino"):
        return task
    share = min(_MOST_STREAMS, max(1, (os.cpu_count() or 1) // task.workers))
    # those of OpenVINO are spread over the streams, those of ONNX Runtime are for each
    return task.with_options(threads=share if backend == "openvino" else 1, num_streams=share)


def _cpu_backend(task: Task) -> str | None:
    """The backend, if the task asks for one on the CPU or leaves it to us."""
    backend, device = task.options.get("backend"), task.options.get("device")
    if backend is None and device in (None, "cpu"):
        return candidates(Hardware(device=device))[0]
    return backend


def _as_many_as_pay(task: Task) -> int:
    """One for each GPU. On a CPU two: one decodes and encodes while the other one computes."""
    if on_device(task):
        named = task.options.get("device") not in (None, "cuda")
        return 1 if named else max(1, min(MOST, _gpus()))
    return min(2, os.cpu_count() or 1)


def on_device(task: Task) -> bool:
    """Whether something faster than a CPU computes."""
    device = task.options.get("device")
    return str(device) != "cpu" if device is not None else _gpus() > 0


def _gpus() -> int:
    """CUDA's devices, if PyTorch is loaded, which it is if it may run the network."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0


def workers_of(task: Task, job: Job) -> list[str | None]:
    """A device for each worker, None: the task's own; all GPUs in turn, if none is named.

    No more workers than segments that are missing.
    """
    assert job.plan is not None
    count = min(task.workers, len(job.plan.segments) - len(job.done()))
    if task.options.get("device") is None and _gpus():
        return [f"cuda:{k % _gpus()}" for k in range(count)]
    return [None] * count


def run_workers(job: Job, devices: Sequence[str | None], progress: Progress) -> None:
    """Start a worker for each of `devices` (None: the task's own), and wait for all segments.

    Returns early if all workers have ended; what is missing then is left to the caller.
    """
    with _started(job, devices) as workers:
        running = list(workers)
        while running and not job.is_complete():
            wait_for_others(job, progress)
            for number, worker in enumerate(workers):
                if worker in running and worker.poll() is not None:
                    running.remove(worker)
                    if worker.returncode:
                        note(f"a worker has ended: {_last_line(job.folder, number, worker)}")


@contextmanager
def _started(job: Job, devices: Sequence[str | None]) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = dict(os.environ)
    # as many threads as there are cores, in all: each worker alone would take as many
    share = max(1, (os.cpu_count() or 1) // len(devices))
    environment.setdefault("OMP_NUM_THREADS", str(share))
    environment["PYTHONIOENCODING"] = "utf-8"  # of their logs, which are read as such
    workers = []
    try:
        for number, device in enumerate(devices):
            with _log(job.folder, number).open("wb") as log:
                command = [sys.executable, "-m", "vsrife.rendering.jobs.local", job.place]
                workers.append(
                    subprocess.Popen(
                        [*command, *([device] if device else [])],
                        env=environment,
                        stdin=subprocess.PIPE,  # its end tells a worker that we are gone
                        stdout=subprocess.DEVNULL,
                        stderr=log,
                    )
                )
        yield workers
    finally:
        for worker in workers:
            if worker.stdin is not None:
                with suppress(OSError):
                    worker.stdin.close()
        for worker in workers:
            try:
                worker.wait(_PATIENCE)
            except subprocess.TimeoutExpired:  # it stands still
                worker.kill()
                worker.wait()


def _log(folder: Path, number: int) -> Path:
    return folder / f"worker{number}.log"


def _last_line(folder: Path, number: int, worker: subprocess.Popen[bytes]) -> str:
    """Why a worker has ended, in its own words if it had any."""
    text = _log(folder, number).read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if ": error: " in line]
    return lines[-1].partition(": error: ")[2] if lines else f"code {worker.returncode}"


def _end_with_parent(pipe: BinaryIO) -> None:
    """End at once when the pipe does: whoever has started this process is gone or done."""
    with suppress(OSError, ValueError):
        while pipe.read(1):
            pass
    release_all()
    os._exit(1)


def _taken_stdin() -> BinaryIO:
    """stdin under another number, with nothing in its place.

    Windows lets one call at a time at a pipe. Libraries look at stdin as they are loaded, and would
    wait for ever behind who reads from it.
    """
    pipe = os.fdopen(os.dup(0), "rb", 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


def main(words: Sequence[str]) -> int:
    """A worker: words are the place of the segments, and its device if that is not the task's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, whose end is ours
    threading.Thread(target=_end_with_parent, args=[_taken_stdin()], daemon=True).start()
    try:
        device = words[1] if len(words) > 1 else None
        join_in(words[0], None, Silent(), device)
    except Exception as problem:
        error(one_line(str(problem)))
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # the thread waits on stdin
