"""Rendering one file: its segments, those that are missing, and then the whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.parts import make_folder, whole_file
from vsrife.media.source import Facts
from vsrife.media.stills.image_pattern import check_pattern
from vsrife.messages import counted, note, one_line, say
from vsrife.rendering.film.left_out import note_left_out, note_lost
from vsrife.rendering.film.source_film import (
    Film,
    Source,
    facts_of,
    mark,
    open_film,
    open_film_source,
    scene_starts,
)
from vsrife.rendering.film.unreadable import find, ranges
from vsrife.rendering.jobs import job as jobs
from vsrife.rendering.jobs import task_file
from vsrife.rendering.jobs.cluster import run_cluster
from vsrife.rendering.jobs.job import Job
from vsrife.rendering.jobs.local import on_device, pinned, run_workers, workers_of
from vsrife.rendering.jobs.manifest import Manifest
from vsrife.rendering.jobs.segments import borders, longest
from vsrife.rendering.jobs.whole import check_size, join
from vsrife.rendering.jobs.work import begin, make_all
from vsrife.rendering.progress import Progress, Silent
from vsrife.rendering.task import Task
from vsrife.weights.folders import is_folder

_ONE_THREAD = "threads=1"  # what BestSource says that helps where its frames have come apart
_LARGE = 10_000_000  # bytes of a film that is not read in a second
_WORK = 30_000  # multiply-adds of a typical model per pixel


class Outcome(NamedTuple):
    """Of a render: frames written, and how many of them this run has made."""

    frames: int
    made: int


def render_file(task: Task, progress: Progress | None = None) -> Outcome:
    """Render a file; goes on where an earlier run of the same task has stopped.

    The output appears when it is whole; until then its segments are in the folder of the job, and
    stay there after an error. MediaError and those of rife() otherwise.
    """
    facts = facts_of(task)
    note_left_out(task, facts)
    progress = progress or Silent()
    with _folder_of(task), jobs.opened(task.target) as job, _telling_how_to_go_on(job):
        try:
            with _output(task) as part:
                identity = task.identity()
                job.resume(identity)
                if task.to_images and not jobs.is_joining(task.target):
                    # another render, begun anew, may not go on with images that are there
                    check_pattern(task.target, task.source, overwrite=task.overwrite)
                task = pinned(task)
                film, made = _make_anyway(task, facts, job, progress, identity)
                join(task, facts, job, film, part, progress)
        except MediaError as error:
            if isinstance(error.__cause__, FileExistsError) and not task.to_images:
                job.remove()  # the film is whole, under another name
            raise
        job.remove()
    return Outcome(film.end - film.first, made)


@contextmanager
def _folder_of(task: Task) -> Iterator[None]:
    """The folder for images; one that was made for them does not stay if it gets none."""
    folder = task.target.parent
    new = task.to_images and not is_folder(folder)
    if new:
        make_folder(folder)
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # not empty: what is made already is kept
                folder.rmdir()
        raise


def _output(task: Task) -> AbstractContextManager[Path]:
    """The file that becomes the output; for images, each has one of its own when it is written."""
    if task.to_images:
        return nullcontext(task.target)
    return whole_file(task.target, overwrite=task.overwrite)


def _make_anyway(
    task: Task, facts: Facts, job: Job, progress: Progress, identity: dict[str, str]
) -> tuple[Film, int]:
    """`_make`, again in another way if the source fails."""
    threads = 0
    try:
        return _make(task, facts, job, progress, identity)
    except vs.Error as error:
        if _ONE_THREAD in str(error):
            note("the decoder lost its way in a damaged place; once more with one thread")
            threads = 1
        elif task.on_error == "stop":
            raise
    try:
        return _make(task, facts, job, progress, identity, threads)
    except vs.Error:
        if task.on_error == "stop":
            raise
        bad = find(open_film_source(task, facts, threads=threads).clip)
        if not bad:
            raise
        where = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ranges(bad)[:5])
        frames = counted(len(bad), "frame")
        note(f"{frames} cannot be read ({where}): --on-error {task.on_error}")
        task = replace(task, unreadable=tuple(bad))
        return _make(task, facts, job, progress, identity, threads)


def _make(
    task: Task,
    facts: Facts,
    job: Job,
    progress: Progress,
    identity: dict[str, str],
    threads: int = 0,
) -> tuple[Film, int]:
    """Make the segments that are missing; returns the film, and the number of frames made."""
    if not task.of_images and task.source.stat().st_size > _LARGE:
        note(f"reading {task.source}, which takes a while for a long one")
    progress.begin("read", 100)
    source = open_film_source(
        task, facts, threads=threads, index=job.folder / "index", on_read=progress.update
    )
    note_lost(task, source)
    with _telling_of_bad_frames(task, threads):
        if job.plan is None:
            check_size(task, source)
            film = _plan(task, source, job, progress, identity)
        else:
            film = open_film(task, source, job.plan.marks)
            _check_plan(job.plan, film)
        _note_alone(task, film)
        return film, _make_missing(task, facts, job, film, progress)


@contextmanager
def _telling_of_bad_frames(task: Task, threads: int) -> Iterator[None]:
    """The way out beside a filter's own words, where a frame fails and nobody covers it."""
    try:
        yield
    except vs.Error as error:
        text = str(error)
        ours = text.startswith("rife: ") or (_ONE_THREAD in text and not threads)
        if ours or task.on_error != "stop":
            raise
        raise MediaError(
            f"{task.source}: a frame cannot be made ({one_line(text)}); if the file is damaged "
            "there, --on-error repeat or interpolate goes on"
        ) from error


def _plan(
    task: Task, source: Source, job: Job, progress: Progress, identity: dict[str, str]
) -> Film:
    """The first pass, and where to cut."""

    def on_frame(done: int, total: int) -> None:
        if done == 1:
            progress.begin("mark", total)
        progress.update(done)

    marks = mark(task, source, on_frame)
    film = open_film(task, source, marks)
    work = _WORK * film.clip.width * film.clip.height
    rate = film.times.rate * task.slow
    most = longest(
        film.end - film.first,
        rate,
        work,
        on_device=on_device(task),
        bitrate=task.encoding.bitrate is not None,
    )
    scenes = scene_starts(task, source, film, marks)
    job.begin(Manifest(identity, marks, borders(film.first, film.end, scenes, most)))
    return film


def _note_alone(task: Task, film: Film) -> None:
    """A note if the rate is so low that one frame is all there is."""
    if film.end - film.first == 1 and not task.to_images:
        shown = (film.times.ticks[film.end] - film.times.ticks[film.first]) * film.times.base
        note(f"OUT is one frame, shown for {float(shown):.6g} s; a higher rate makes more")


def _check_plan(plan: Manifest, film: Film) -> None:
    if (plan.borders[0], plan.borders[-1]) != (film.first, film.end):
        raise MediaError("the manifest is of another film; remove it with --clean")


def _make_missing(task: Task, facts: Facts, job: Job, film: Film, progress: Progress) -> int:
    """Make what is missing, with as many workers as asked for; gives the number of frames."""
    if done := job.frames_done():
        say(f"{_share(job)} done; going on")
    task_file.save(task, job.folder)
    if task.segments is not None:
        job.share(task.segments)
        say(f"segments are shared at {job.place}")
    begin(task, job, film, progress)
    if len(workers := workers_of(task, job)) > 1:
        run_workers(job, workers, progress)
    if task.dask is not None:
        run_cluster(job, task.dask, progress)
    make_all(task, facts, job, film, progress)
    return film.end - film.first - done


def _share(job: Job) -> str:
    """The finished segments as the beginning of a sentence: "2 of 5 segments are"."""
    assert job.plan is not None
    total = counted(len(job.plan.segments), "segment is", "segments are")
    return f"{len(job.done())} of {total}"


@contextmanager
def _telling_how_to_go_on(job: Job) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if job.worth_keeping and job.plan is not None:
            say(
                f"{_share(job)} kept in {job.folder}; "
                "the same command goes on from there, --clean removes them"
            )
        raise
