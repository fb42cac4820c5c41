"""A source file as the film that is written: opened, marked, interpolated, in parts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.errors import ArgumentError, MediaError
from vsrife.filter import rife
from vsrife.media.properties import ROWS
from vsrife.media.source import Facts, open_source, probe, progressive
from vsrife.media.stills.image_folder import IMAGES, open_folder, probe_folder
from vsrife.media.stills.image_motion import from_motion, is_moved_otherwise, to_motion
from vsrife.media.stills.image_writer import for_images
from vsrife.media.stills.images import HELD, IGNORED
from vsrife.media.timestamps import Times, constant_times, stretched_times
from vsrife.media.tracks.ramp_sound import Place
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encoders import check_film
from vsrife.messages import note
from vsrife.rendering.film.first_pass import find_marks, marking_of, with_marks
from vsrife.rendering.film.ramp import Ramp, check_ramp, picked, places_of, positions, steps_of
from vsrife.rendering.film.scripts import run_script
from vsrife.rendering.film.side_clips import NAMES, with_clips
from vsrife.rendering.film.timing import (
    check_rate,
    constant_rate,
    looped,
    looped_times,
    with_durations,
)
from vsrife.rendering.film.unreadable import covered, replaceable
from vsrife.rendering.jobs.join import ticks_of
from vsrife.rendering.jobs.manifest import Marks
from vsrife.rendering.jobs.segments import starts_in_order, starts_of_scenes
from vsrife.rendering.task import Task

# Source frames on each side of a part whose marks may matter there: a run of duplicates has at most
# 24 frames, and as many again decide about its neighbours
_REACH = 64
_MOST = 20_000_000  # frames of an output: 46 hours at 120 per second, and 2 GB for their times


@dataclass(frozen=True)
class Source:
    """An open source.

    clip: its frames. times: when they are shown. first, end: the wanted ones. images: what `clip`
    was made of by `to_motion`; None: it is as it was.
    """

    facts: Facts
    clip: vs.VideoNode
    times: Times
    first: int
    end: int
    images: vs.VideoNode | None = None

    def as_it_was(self, moved: vs.VideoNode) -> vs.VideoNode:
        """What rife() has made of `clip`, in the form of the source."""
        return moved if self.images is None else from_motion(moved, self.images)


@dataclass(frozen=True)
class Film:
    """What is written: frames `first` to `end` - 1 of `clip`, which is shown at `times`.

    positions: of all frames in the source, in source frames, if a ramp sets them; places: of the
    ramp, in seconds.
    """

    clip: vs.VideoNode
    times: Times
    first: int
    end: int
    positions: Sequence[Fraction] | None = None
    places: Sequence[Place] = ()

    @cached_property
    def head(self) -> dict[str, Any]:
        """The properties of frame 0 that describe the film."""
        names = [name for row in ROWS for name in row.props]
        with self.clip.get_frame(0) as frame:
            return {name: frame.props.get(name) for name in names}

    def piece(self, begin: int, end: int) -> tuple[vs.VideoNode, Times]:
        """Frames `begin` to `end` - 1 for the encoder, described as frame 0 of the film is."""
        return self.described(self.clip[begin:end]), ticks_of(self.times, begin, end)

    def described(self, clip: vs.VideoNode) -> vs.VideoNode:
        """`clip` with the properties that describe the film, and no others of that kind."""
        clip = clip.std.RemoveFrameProps(list(self.head))
        known = {name: value for name, value in self.head.items() if value is not None}
        return clip.std.SetFrameProps(**known) if known else clip


def facts_of(task: Task) -> Facts:
    """Properties of the source. MediaError if it cannot be read."""
    if task.of_images:
        return probe_folder(task.source, task.rate_in, _about_gaps(task))
    return probe(task.source)


def _about_gaps(task: Task) -> str:
    """What becomes of numbers that are missing: images have no times, unless --cfr fills them."""
    return IGNORED if task.to_images and not (task.cfr or task.ramp) else HELD


def open_film_source(
    task: Task,
    facts: Facts,
    *,
    threads: int = 0,
    index: Path | None = None,
    on_read: Callable[[int], None] = lambda percent: None,
) -> Source:
    """Open the source of a task. Errors as in `open_source`."""
    if facts.codec == IMAGES:
        clip, times = open_folder(task.source, task.rate_in, _about_gaps(task))
    else:
        clip, times = open_source(task.source, facts, threads, index, on_read)
        clip = progressive(clip)
    if task.before is not None:
        clip, times = run_script(task.before, clip, times)
    clip = covered(clip, task.unreadable)
    if clip.num_frames < 2:
        raise MediaError(f"{task.source} has 1 frame, and at least 2 are needed")
    first, end = task.span.frames(times)
    if task.span.is_cut(times):
        note(
            f"{task.source} has {clip.num_frames} frames; the part that is asked for ends with the "
            "last one"
        )
    if task.loop:
        if end - first < 2:
            raise ArgumentError("loop must have 2 frames or more, not 1; choose a longer part")
        clip, times = looped(clip, first, end), looped_times(times, first, end)
    _check_length(task, end - first, times.rate)
    if task.cfr and not times.even:
        clip = with_durations(clip, times)
    if facts.codec == IMAGES and is_moved_otherwise(clip):
        return Source(facts, to_motion(clip), times, first, end, clip)
    return Source(facts, clip, times, first, end)


def _check_length(task: Task, count: int, rate: Fraction) -> None:
    """ArgumentError if so many frames are asked for that already their times fill the memory."""
    name = "factor" if task.options.get("fps") is None else "fps"
    wanted = _wanted_rate(task, rate)
    check_rate(name, wanted)
    if task.ramp is not None:
        check_ramp(task.ramp, wanted)
        return
    total = count_of(task, count, rate)
    if total > _MOST:
        raise ArgumentError(
            f"{name} must make at most {_MOST} frames, not {int(total)}; choose a lower one, or a "
            "part of the film"
        )


def count_of(task: Task, count: int, rate: Fraction) -> Fraction:
    """About the number of output frames for `count` source frames, shown at `rate` per second."""
    wanted = _wanted_rate(task, rate)
    return count * wanted / rate if task.ramp is None else task.ramp[-1].output * wanted


def _wanted_rate(task: Task, rate: Fraction) -> Fraction:
    """Output frames per second, for a source of that rate."""
    fps = task.options.get("fps")
    return rate * Fraction(task.options.get("factor") or 2) if fps is None else Fraction(fps)


def mark(
    task: Task, source: Source, on_frame: Callable[[int, int], None] = lambda done, total: None
) -> Marks | None:
    """The first pass; None if the task needs no marks. on_frame: number of frames, and of all."""
    marking = marking_of(source.clip, rife_options(task, source))
    if marking is None:
        return None
    first = max(0, source.first - _REACH)
    end = min(source.clip.num_frames, source.end + _REACH)
    return find_marks(source.clip, marking, first, end, lambda done: on_frame(done, end - first))


def open_film(task: Task, source: Source, marks: Marks | None) -> Film:
    """The film of a task, with marks of the first pass instead of detectors."""
    options = rife_options(task, source)
    if marks is not None:
        options = with_marks(options, source.clip.num_frames, marks)
    found, places = None, places_in(task, source)
    if task.ramp is None:
        smooth = rife(source.clip, **options)
        times = _out_times(task, source, smooth)
    else:
        smooth, times, found = _ramped(task.ramp, source, options)
    smooth = source.as_it_was(smooth)
    if task.after is not None:
        smooth, times = run_script(task.after, smooth, times)
    if not (source.times.constant or task.cfr or task.ramp) and "fps" in task.options:
        note(
            "the frame rate varies, and will do so in OUT; --fps is its mean, --cfr makes it fixed"
        )
    first, end = (0, len(times.ticks) - 1) if task.ramp else _wanted(source, times)
    times = Times(times.base * task.slow, times.ticks)
    if task.to_images:
        return Film(for_images(smooth, task.target.suffix), times, first, end, found, places)
    check_film(task.encoding, smooth.width, smooth.height, times.rate)
    return Film(for_encoding(smooth, task.encoding), times, first, end, found, places)


def places_in(task: Task, source: Source) -> list[Place]:
    """What a ramp shows when, in seconds; none without a ramp. ArgumentError as of `positions`."""
    return [] if task.ramp is None else places_of(task.ramp, source.times, source.end)


def _ramped(
    ramp: Ramp, source: Source, options: dict[str, Any]
) -> tuple[vs.VideoNode, Times, list[Fraction]]:
    """The frames that a ramp asks for: a few of those of a very high rate, the only ones made."""
    factor = options.pop("factor", None) or 2
    fps = options.pop("fps", None)
    rate = Fraction(factor) * Fraction(source.clip.fps) if fps is None else Fraction(fps)
    found = positions(ramp, source.times, source.end, rate)
    steps = steps_of(found, source.clip.num_frames)
    dense = rife(source.clip, **options, factor=steps)
    numbers = [min(round(each * steps), dense.num_frames - 1) for each in found]
    return picked(dense, numbers, rate), constant_times(rate, len(found)), found


def scene_starts(task: Task, source: Source, film: Film, marks: Marks | None) -> list[int]:
    """The output frames with which scenes begin."""
    cuts = marks.cuts_after if marks else []
    if film.positions is not None:
        return starts_in_order(cuts, film.positions)
    plain = Fraction(1, task.slow) * film.times.base
    return starts_of_scenes(cuts, source.times, film.times._replace(base=plain))


def rife_options(task: Task, source: Source) -> dict[str, Any]:
    """rife()'s arguments for an open source."""
    options = with_clips(task.options, source.clip, source.times)
    for name in NAMES if task.loop else ():
        side = options.get(name)
        if isinstance(side, vs.VideoNode) and side.num_frames != source.clip.num_frames:
            options[name] = looped(side, source.first, source.end)
    if task.cfr and not source.times.even and task.ramp is None:
        own = task.rate_in if task.of_images else None
        options["fps"] = constant_rate(options, source.times, own)
        options["vfr"] = True
        options.pop("factor", None)
    if task.on_error == "interpolate" and task.unreadable:
        # ranges of the user's own are in the same list; a file or property is not looked at
        own = options.get("replace")
        bad = replaceable(task.unreadable, source.clip.num_frames)
        options["replace"] = [*own, *bad] if isinstance(own, list) else bad or None
    return options


def _out_times(task: Task, source: Source, smooth: vs.VideoNode) -> Times:
    if task.cfr:
        start = source.times.ticks[0] * source.times.base
        return constant_times(Fraction(smooth.fps), smooth.num_frames, start)
    return stretched_times(source.times, Fraction(smooth.fps) / Fraction(source.clip.fps))


def _wanted(source: Source, times: Times) -> tuple[int, int]:
    """The output frames from the first wanted source frame on, up to the next one after the last.

    Parts of a film that follow each other have all its frames, each once.
    """
    count, total = len(times.ticks) - 1, len(source.times.ticks) - 1

    def at(frame: int) -> int:
        begin = source.times.ticks[frame] * source.times.base
        return bisect_left(times.ticks, begin / times.base, hi=count)

    first = at(source.first) if source.first else 0
    return first, at(source.end) if source.end < total else count
