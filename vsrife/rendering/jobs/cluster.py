"""Workers of a Dask cluster, on any machines that see the segments."""

from __future__ import annotations

from typing import Any

from vsrife.errors import BackendError, MediaError, needing
from vsrife.messages import note, one_line, say
from vsrife.rendering.jobs.job import Job
from vsrife.rendering.jobs.work import join_in, wait_for_others
from vsrife.rendering.progress import Progress, Silent

_PATIENCE = 15  # seconds for the scheduler to answer
_Client = Any  # distributed has types in part
_Future = Any


def check_installed() -> None:
    """BackendError if Dask is not installed."""
    with needing("--dask", "dask"):
        import distributed  # noqa: F401


def run_cluster(job: Job, address: str, progress: Progress) -> None:
    """Let each worker of the cluster at `address` make segments, those that come later as well.

    Returns early if no worker is left; what is missing then is left to the caller. MediaError if
    there is no scheduler.
    """
    with _connected(address) as client:
        tasks: dict[str, _Future] = {}
        while not job.is_complete():
            _start_new(client, job.place, tasks)
            wait_for_others(job, progress)
            if not _still_at_work(client, tasks) and not job.is_complete():
                note(f"no worker of {address} is at work; the rest is made here")
                break
        client.cancel(list(tasks.values()))


def _connected(address: str) -> _Client:
    check_installed()
    import distributed

    connect: Any = distributed.Client
    try:
        return connect(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise MediaError(
            f"no Dask scheduler answers at {address} ({one_line(str(error))}); start one with "
            "`dask scheduler`, and `dask worker ADDRESS` on each machine"
        ) from error


def _workers(client: _Client) -> list[str]:
    """The addresses of the workers; none if the scheduler does not answer.

    Not by `scheduler_info`: a timer of the client's empties what that gives, now and then.
    """
    try:
        return list(client.nthreads())
    except OSError:
        return []


def _start_new(client: _Client, place: str, tasks: dict[str, _Future]) -> None:
    """Give every worker that has none its task, which takes segments until all are made."""
    for worker in _workers(client):
        if worker not in tasks:
            say(f"worker {worker} joins in")
            tasks[worker] = client.submit(
                help_render, place, workers=[worker], pure=False, retries=0
            )


def _still_at_work(client: _Client, tasks: dict[str, _Future]) -> bool:
    """Whether a worker is at work; says why one has stopped."""
    alive = _workers(client)
    for worker, task in list(tasks.items()):
        if task.status == "error":
            problem: Any = task.exception()
            note(f"worker {worker} has stopped: {one_line(str(problem))}")
            tasks[worker] = task = client.submit(int, 0, pure=False)  # said once
    return any(task.status == "pending" and worker in alive for worker, task in tasks.items())


def help_render(place: str) -> int:
    """What a worker runs; gives the number of frames that it has made."""
    try:
        return join_in(place, None, Silent())
    except MediaError as error:  # as it is, without what refers to it, so that it can be sent
        raise BackendError(str(error)) from None
