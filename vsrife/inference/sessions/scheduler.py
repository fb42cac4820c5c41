"""Gathers requests for new frames into batches, for devices that compute several at a time.

There is no thread of its own: whoever waits for a frame computes what waits, frames of others
among it. So one worker thread suffices, a short process starts and leaves nothing, and computing
never waits for a source frame.

Not on a CPU: PyTorch took 1.02 to 1.28 times as long there for four timesteps in a batch as one by
one (nano and 4.25 at 640x384, nano at 256x192; 0.80 for 4.25 at 256x192), and sums of a batch are
rounded otherwise, so bytes depend on what else is asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from vsrife.inference.base import Note, silent
from vsrife.inference.sessions.out_of_memory import forget, is_out_of_memory


@dataclass(eq=False)
class _Request[Job, Result]:
    """futures: of all who asked for one job; none for a job that somebody may ask for next."""

    futures: list[Future[Result]] = field(default_factory=list)
    beside: list[Job] = field(default_factory=list)

    def begin(self) -> bool:
        """Drop what was cancelled; whether anybody still waits."""
        self.futures = [each for each in self.futures if each.set_running_or_notify_cancel()]
        return bool(self.futures)

    def end(self, outcome: Result | BaseException) -> None:
        for future in self.futures:
            # one that was added while the job was computed has not begun
            if not future.running() and not future.set_running_or_notify_cancel():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


class Scheduler[Job: Hashable, Result]:
    """Computes jobs, such as (left, right, timestep), in batches. Calls may come from any thread.

    Jobs that are equal are computed once for all who wait for them.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result]],
        *,
        most: int,
        kept: int = 0,
        room: Callable[[], object] | None = None,
        note: Note = silent,
    ) -> None:
        """run: computes 1 to `most` different jobs, called once at a time; gives the result of
        each, in their order. kept: largest number of results that were computed ahead and wait to
        be asked for; the oldest go first. room: returns when the next batch may begin; what is
        submitted until then is in it. note: hears that memory has run out and batches are
        smaller from now on. ValueError for most < 1 or kept < 0.
        """
        if most < 1 or kept < 0:
            raise ValueError(f"most must be at least 1 and kept 0, not {most} and {kept}")
        self._run, self._most, self._kept, self._note = run, most, kept, note
        self._room = room
        self._changed = threading.Condition()  # guards all below; notified when a batch ends
        self._running = False
        self._waiting: OrderedDict[Job, _Request[Job, Result]] = OrderedDict()
        self._begun: dict[Job, _Request[Job, Result]] = {}
        self._ahead: OrderedDict[Job, Result] = OrderedDict()

    @property
    def most(self) -> int:
        """Jobs of the largest batch; less after memory has run out."""
        return self._most

    def submit(self, job: Job, beside: Sequence[Job] = ()) -> Future[Result]:
        """A future for the result, which `wait` computes.

        beside: jobs that will probably be asked for next, such as other timesteps of the pair. They
        fill up the batch of `job` and are never computed without it; their errors are dropped. A
        job all of whose futures are cancelled before it begins is dropped.
        """
        future: Future[Result] = Future()
        with self._changed:
            if job in self._ahead:
                future.set_result(self._ahead.pop(job))
                return future
            request = self._begun.get(job)
            if request is None:
                request = self._waiting.setdefault(job, _Request())
            request.futures.append(future)
            request.beside.extend(beside)
        return future

    def wait(self, future: Future[Result]) -> Result:
        """The result of a future of `submit`, or its error; computes what waits until it is there.

        CancelledError if it was cancelled.
        """
        while not future.done():
            batch = self._begin(future)
            if batch:
                self._finish(batch)
        return future.result()

    def get(self, job: Job, beside: Sequence[Job] = ()) -> Result:
        """`submit` and `wait`."""
        return self.wait(self.submit(job, beside))

    def _begin(self, future: Future[Result]) -> dict[Job, _Request[Job, Result]]:
        """The next batch, for the caller to compute; empty if another has computed `future`."""
        with self._changed:
            self._changed.wait_for(lambda: future.done() or not self._running)
            if future.done():
                return {}
            self._running = True
        batch: dict[Job, _Request[Job, Result]] = {}
        try:
            if self._room is not None:
                self._room()  # not under the lock: others submit meanwhile
            with self._changed:
                batch = self._begun = self._next()
        finally:
            if not batch:
                self._rest()
        if not batch and not future.done():
            raise ValueError("this future is of another scheduler; wait for it there")
        return batch

    def _rest(self) -> None:
        """Let others begin a batch."""
        with self._changed:
            self._begun, self._running = {}, False
            self._changed.notify_all()

    def _next(self) -> dict[Job, _Request[Job, Result]]:
        """What waits, up to a batch, without what was cancelled."""
        batch: dict[Job, _Request[Job, Result]] = {}
        while self._waiting and len(batch) < self._most:
            job, request = self._waiting.popitem(last=False)
            if request.begin():
                batch[job] = request
        self._fill(batch)
        return batch

    def _fill(self, batch: dict[Job, _Request[Job, Result]]) -> None:
        """Add jobs beside those of the batch, while there is room in it and for their results."""
        room = min(self._most - len(batch), self._kept) if batch else 0
        for job in [each for request in batch.values() for each in request.beside]:
            if not room:
                return
            if job not in batch and job not in self._ahead:
                batch[job] = _Request()
                room -= 1

    def _finish(self, batch: dict[Job, _Request[Job, Result]]) -> None:
        """Compute a batch and give everybody what belongs to them."""
        outcomes: dict[Job, Result | BaseException] = {}
        try:
            self._attempt(list(batch), outcomes)
        except BaseException as error:  # such as KeyboardInterrupt: nobody may wait for ever
            outcomes = {job: outcomes.get(job, error) for job in batch}
            raise
        finally:
            with self._changed:
                self._begun, self._running = {}, False
                for job, request in batch.items():
                    outcome = outcomes[job]
                    if not request.futures and not isinstance(outcome, BaseException):
                        self._keep(job, outcome)
                    request.end(outcome)
                self._changed.notify_all()

    def _keep(self, job: Job, result: Result) -> None:
        self._ahead[job] = result
        while len(self._ahead) > self._kept:
            self._ahead.popitem(last=False)

    def _attempt(self, jobs: list[Job], outcomes: dict[Job, Result | BaseException]) -> None:
        """Run jobs; after an error in halves, so that it meets only the jobs that cause it."""
        if len(jobs) <= self._most:
            try:
                outcomes.update(zip(jobs, self._run(jobs), strict=True))
                return
            except Exception as error:
                if is_out_of_memory(error):
                    forget(error)
                if len(jobs) == 1:
                    outcomes[jobs[0]] = error
                    return
                if is_out_of_memory(error):
                    self._most = len(jobs) // 2
                    self._note(f"out of memory: {self._most} frames at a time, not {len(jobs)}")
        middle = len(jobs) // 2
        self._attempt(jobs[:middle], outcomes)
        self._attempt(jobs[middle:], outcomes)
