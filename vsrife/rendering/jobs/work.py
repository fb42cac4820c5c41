"""Making segments, by one process or by many that share a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from vsrife.errors import MediaError
from vsrife.media.parts import whole_file
from vsrife.media.source import Facts
from vsrife.media.stills.image_segments import write_segment
from vsrife.media.tracks.others import Beside
from vsrife.media.writing.encode import write_part
from vsrife.media.writing.encoders import Encoding
from vsrife.messages import note
from vsrife.rendering.film.source_film import Film, facts_of, open_film, open_film_source
from vsrife.rendering.jobs import task_file
from vsrife.rendering.jobs.identity import differences
from vsrife.rendering.jobs.job import Job
from vsrife.rendering.jobs.manifest import NAME, Manifest, is_of_another_vsrife, load
from vsrife.rendering.jobs.shared import Shared, is_address
from vsrife.rendering.progress import Progress
from vsrife.rendering.space import note_room
from vsrife.rendering.task import Task

_LOSSLESS = Encoding(encoder="ffv1")  # for what must be encoded as one: GIF, --pipe, --max-size
# NUT keeps what an encoder gives as it is; it knows no ProRes, and no alpha beside VP9
_CONTAINERS = {"prores_ks": "mov", "libvpx-vp9": "matroska"}
_POLL = 0.5  # seconds between two looks at what others have made


def segment_encoding(task: Task) -> Encoding:
    """How segments are encoded."""
    return task.encoding if task.encoding.joinable else _LOSSLESS


def container_of(encoding: Encoding) -> str:
    """FFmpeg's format for the file of a segment."""
    return _CONTAINERS.get(encoding.row.codec, "nut")


def make_segment(
    task: Task, facts: Facts, job: Job, film: Film, segment: int, on_frame: Callable[[int], None]
) -> None:
    """Make one segment, whole or not at all."""
    assert job.plan is not None
    with whole_file(job.path(segment)) as part:
        write_piece(task, facts, film, job.plan.frames(segment), part, on_frame)
        if not job.is_open():  # another render, with other frames, may have the folder by now
            raise MediaError(f"{job.place} is gone, or of another render now")
    job.finish(segment)


def write_piece(
    task: Task,
    facts: Facts,
    film: Film,
    frames: tuple[int, int],
    part: Path,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Write a piece of a film, from its first frame to the one after the last, into `part`."""
    clip, times = film.piece(*frames)
    if task.to_images:
        write_segment(clip, part, task.target.suffix, on_frame)
        return
    encoding = segment_encoding(task)
    beside = Beside(None, facts.track, facts.about)
    write_part(clip, part, times, encoding, container_of(encoding), beside, on_frame)


def begin(task: Task, job: Job, film: Film, progress: Progress) -> None:
    """Tell how many frames there are to make, and how many bytes, where these are the output's."""
    size = job.size if task.is_joined else None
    progress.begin("render", film.end - film.first, job.frames_done(), size)


def make_all(
    task: Task,
    facts: Facts,
    job: Job,
    film: Film,
    progress: Progress,
    *,
    longest_first: bool = False,
) -> int:
    """Make all segments that no other worker makes, and wait for the others.

    Gives the number of frames that this process has made. longest_first: so that several workers
    end at about the same time; else in the order of the film, which spares decoders their jumps.
    """
    assert job.plan is not None
    made, order = 0, by_length(job.plan) if longest_first else list(job.plan.segments)
    with job.claims() as claims:
        # it is closed once somebody has joined the film
        while job.is_open() and not job.is_complete():
            before = made
            for segment in order:
                if not job.is_open():
                    break
                if not job.is_done(segment) and claims.take(segment):
                    if not job.is_done(segment):  # it may have been finished meanwhile
                        first = not made
                        made += _make_one(task, facts, job, film, segment, progress)
                        if first:
                            note_room(job)
                    claims.release(segment)
            if made == before and not job.is_complete():
                wait_for_others(job, progress)
    return made


def by_length(plan: Manifest) -> list[int]:
    """The segments, the longest ones first."""

    def length(segment: int) -> int:
        begin, end = plan.frames(segment)
        return end - begin

    return sorted(plan.segments, key=length, reverse=True)


def _make_one(
    task: Task, facts: Facts, job: Job, film: Film, segment: int, progress: Progress
) -> int:
    assert job.plan is not None
    done = job.frames_done()
    make_segment(task, facts, job, film, segment, lambda n: progress.update(done + n))
    begin, end = job.plan.frames(segment)
    return end - begin


def wait_for_others(job: Job, progress: Progress) -> None:
    """Look again in a moment."""
    time.sleep(_POLL)
    progress.update(job.frames_done())


def join_in(
    place: str,
    source: Path | None,
    progress: Progress,
    device: str | None = None,
) -> int:
    """Help a render: make segments until all are made. Gives the frames made here.

    place: a folder of segments, or an address. source: where the source is on this machine; None:
    where it is on the other. device: another one than the task's. MediaError if this process would
    make other frames.
    """
    with _joined(place) as job:
        plan = job.plan = load(job.folder)
        if plan is None:
            other = is_of_another_vsrife(job.folder)
            why = "is of another version of vsrife" if other else "is missing"
            raise MediaError(f"{place} holds no render that can be joined; its manifest {why}")
        task = task_file.load(job.folder, source)
        changed = differences(_without_time(plan.identity), _without_time(task.identity()))
        if changed:
            raise MediaError(
                f"{', '.join(changed)} {'is' if len(changed) == 1 else 'are'} not the same here as "
                f"where {place} was made; a worker must make the same frames"
            )
        if device is not None:
            task = task.with_options(device=device)
        facts = facts_of(task)
        source_film = open_film_source(task, facts, index=job.folder / "index")
        film = open_film(task, source_film, plan.marks)
        begin(task, job, film, progress)
        try:
            return make_all(task, facts, job, film, progress, longest_first=True)
        except MediaError:
            if job.is_open():
                raise
            note(f"{place} is gone: the render has ended while this process made a segment again")
            return 0


@contextmanager
def _joined(place: str) -> Iterator[Job]:
    """The job of another process: in its folder, or in one of ours with what is at an address."""
    if not is_address(place):
        yield Job(Path(place))
        return
    shared = Shared(place)
    with TemporaryDirectory(prefix="vsrife-") as folder:
        for name in (NAME, task_file.NAME):
            with suppress(FileNotFoundError):
                shared.pull(name, Path(folder, name))
        yield Job(Path(folder), shared, joins=False)


def _without_time(identity: dict[str, str]) -> dict[str, str]:
    """An identity for a copy of the source, which was changed at another time."""
    size, _, digest = identity["the source"].split()
    return identity | {"the source": f"{size} {digest}"}
