"""Frames in, one by one; frames out, in constant memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any

from vsrife.detection.luma import Pixels
from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import Kind
from vsrife.images.marks import Marks
from vsrife.images.pairs import Job, Pairs
from vsrife.images.positions import Positions
from vsrife.images.reading import check_like
from vsrife.images.renderers import Renderer


class Stream:
    """One run of frames: `push` for each, then `finish`.

    With `ahead` of 1, frame n and all before it are out when frame n has been pushed.
    """

    def __init__(
        self, options: ImageOptions, kind: Kind, renderer: Renderer, times: Positions
    ) -> None:
        self._options, self.kind, self._times = options, kind, times
        self._marks = Marks(options, three=renderer.three)
        self._pairs = Pairs(options, kind, renderer)
        self._opening: list[tuple[Any, Pixels | None]] = []  # frames that a loop comes back to
        self._count = 0  # frames that have arrived
        self._last: int | None = None  # the last frame of all, when it is known
        self._at, self._shown = 0, False  # the frame whose time it is; whether that is out
        self._output = 0  # frames that came out
        self._pool: ThreadPoolExecutor | None = None

    @staticmethod
    def delay(options: ImageOptions, renderer: Renderer | None = None) -> int:
        """How many frames must have arrived after one until it is out, with all before it.

        renderer: one of three frames needs more.
        """
        marks = Marks(options, three=renderer is not None and renderer.three)
        return marks.ahead if marks.fills else marks.ahead - 1

    @property
    def done(self) -> bool:
        """Whether no further frame is needed."""
        return self._times.done

    def push(self, frame: Any) -> Iterator[Any]:
        """Take in the next frame; gives all that can come out now.

        ArgumentError if it does not look like the first one.
        """
        check_like(self.kind, frame, self._count)
        picture = self.kind.read(frame, f"frame {self._count}")
        self._take(frame, picture)
        if self._options.loop and len(self._opening) < self._marks.ahead:
            # a few pictures are kept, since the caller may change the frames until then
            self._opening.append((frame, None if self._marks.fills else picture))
        return self._advance()

    def finish(self) -> Iterator[Any]:
        """The frames that are left, with `loop` those that lead back to the first one.

        ArgumentError for times beyond the end.
        """
        end = self._count
        self._last = end - 1
        self._marks.end()
        for k, (frame, picture) in enumerate(self._opening):
            read = self.kind.read(frame, f"frame {k}") if picture is None else picture
            self._take(frame, read)
        yield from self._advance()
        self._times.finish(end - (not self._options.loop))

    def _take(self, frame: Any, picture: Pixels) -> None:
        self._marks.see(picture)
        self._pairs.add(self._count, frame, picture)
        self._count += 1

    def _advance(self) -> Iterator[Any]:
        """All that can come out: a frame's own time, then what lies between it and the next."""
        while True:
            at, ahead = self._at, self._marks.ahead
            if not self._shown:
                if not self._knows(at + (ahead if self._marks.fills else 0)):
                    return
                yield from self._out(at, self._times.at(at))
                self._shown = True
            if (at == self._last and not self._options.loop) or not self._knows(at + ahead):
                return
            yield from self._out(at, self._times.between(at))
            self._at, self._shown = at + 1, False
            self._marks.forget(self._at)
            self._pairs.forget(self._at - self._marks.back)
            if at == self._last:
                return

    def _knows(self, frame: int) -> bool:
        """Whether a frame has arrived, or none will any more."""
        return frame < self._count or self._last is not None

    def _out(self, at: int, timesteps: Iterable[Fraction]) -> Iterator[Any]:
        """The frames at these times after frame `at`, as many at a time as there are streams."""
        jobs = (self._job(at, timestep) for timestep in timesteps)
        streams = self._options.network.num_streams
        if streams == 1:
            yield from (job() for job in jobs)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(streams, thread_name_prefix="vsrife-images")
        waiting: deque[Future[Any]] = deque()
        try:
            for job in jobs:
                waiting.append(self._pool.submit(job))
                if len(waiting) == streams:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _job(self, at: int, timestep: Fraction) -> Job:
        left, right, cut, skip = at, at + 1, False, False
        output, self._output = self._output, self._output + 1
        segment = self._marks.segment(at, self._count)
        if segment is not None:
            left, right = at + segment.left, at + segment.right
            timestep = (timestep - segment.begin) / (segment.end - segment.begin)
        elif timestep:
            cut = self._marks.cut_after(at)
            skip = self._options.duplicates == "skip" and self._marks.repeats(right)
        if not timestep:
            oldest = self._marks.oldest(at, left, self._count)
            return partial(_itself, self._pairs.frame(left, oldest))
        beyond = self._marks.beyond(at, (left, right), self._count)
        return self._pairs.job(left, right, timestep, output, beyond=beyond, cut=cut, skip=skip)


def _itself(frame: Any) -> Any:
    return frame
