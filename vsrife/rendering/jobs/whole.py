"""The end of a render: segments and other streams become the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import MediaError
from vsrife.media.source import Facts
from vsrife.media.stills.image_segments import put_images
from vsrife.media.tracks.others import Beside, plan_others
from vsrife.media.tracks.ramp_sound import Place
from vsrife.media.tracks.stretch import Stretch
from vsrife.media.tracks.window import Window
from vsrife.media.writing.encode import join_part, write_part
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.media.writing.sized import check_frames, check_room
from vsrife.rendering.film.source_film import Film, Source, count_of, places_in
from vsrife.rendering.jobs.job import Job
from vsrife.rendering.jobs.join import BadSegmentError, Piece, film_packets, from_zero, window
from vsrife.rendering.jobs.lossless import spliced
from vsrife.rendering.progress import Progress
from vsrife.rendering.space import check_space
from vsrife.rendering.task import Task

if TYPE_CHECKING:
    from av.packet import Packet


def check_size(task: Task, source: Source) -> None:
    """MediaError if `max_size` cannot be kept, before a frame is made: sound and text alone do not
    fit, or not as many frames, however small each of them is.
    """
    if task.encoding.max_size is None:
        return
    begin, end = (at * task.slow for at in window(source.times, source.first, source.end))
    seconds = end - begin if task.ramp is None else task.ramp[-1].output
    cut = None if task.span.whole else (begin, end)
    with ExitStack() as stack:
        beside = _beside(task, source.facts, seconds, cut, places_in(task, source))
        container = CONTAINERS[task.target.suffix.lower()]
        plan = plan_others(beside, container, task.encoding, stack)
        check_room(task.encoding, plan, seconds)
    if task.after is None:  # which may leave frames out
        check_frames(
            task.encoding, int(count_of(task, source.end - source.first, source.times.rate))
        )


def join(task: Task, facts: Facts, job: Job, film: Film, part: Path, progress: Progress) -> None:
    """Write the whole film and the other streams into `part`."""
    assert job.plan is not None
    plan = job.plan
    pieces = [Piece(job.path(k), *plan.frames(k)) for k in plan.segments]
    check_space(task.target, [piece.path for piece in pieces])
    progress.begin("join", film.end - film.first)
    if task.to_images:
        _put_images(task, job, pieces, progress)
        return
    times, cut = film.times, None
    if not task.span.whole:
        cut = window(times, film.first, film.end)
        times = from_zero(times, film.first, film.end)
    beside = _beside(task, facts, times.ticks[-1] * times.base, cut, film.places)
    container = CONTAINERS[task.target.suffix.lower()]
    try:
        if task.encoding.joinable:

            def packets(header: bytes) -> Iterator[Packet[Any]]:
                return film_packets(pieces, times, header, progress.update)

            join_part(film.clip, part, times, task.encoding, container, beside, packets)
        else:
            clip = spliced(pieces, film)
            write_part(clip, part, times, task.encoding, container, beside, progress.update)
    except BadSegmentError as error:
        for piece in error.pieces:
            job.discard(plan.borders.index(piece.begin))
        raise


def _put_images(task: Task, job: Job, pieces: list[Piece], progress: Progress) -> None:
    job.begin_joining()

    def bad(place: int, error: ValueError) -> MediaError:
        job.discard(place)
        return BadSegmentError(pieces[place], str(error))

    put_images(
        [(piece.path, piece.end - piece.begin) for piece in pieces],
        task.target,
        overwrite=task.overwrite,
        on_frame=progress.update,
        on_bad=bad,
    )


def _beside(
    task: Task, facts: Facts, seconds: Fraction, cut: Window | None, places: Sequence[Place]
) -> Beside:
    """The other streams that follow the picture, and what is known about the film.

    seconds: of the output. cut: the part of it that is written, in seconds; None: all of it.
    places: of a ramp.
    """
    if task.of_images:
        return Beside(None, facts.track, facts.about)
    if places:
        return Beside(task.source, facts.track, facts.about, places=places)
    if task.slow == 1:
        return Beside(task.source, facts.track, facts.about, cut)
    own = None if cut is None else (cut[0] / task.slow, cut[1] / task.slow)
    return Beside(task.source, facts.track, facts.about, own, Stretch(task.slow, seconds))
