"""What a render leaves out of the source, said before the work."""

from __future__ import annotations

from contextlib import ExitStack

from vsrife.media.source import Facts
from vsrife.media.tracks import streams
from vsrife.media.tracks.others import Beside, plan_others
from vsrife.media.writing.convert import has_alpha, loses_alpha, shows_alpha
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.media.writing.encoding import STRETCH
from vsrife.messages import note
from vsrife.rendering.film.source_film import Source
from vsrife.rendering.task import Task
from vsrife.system.quoting import quoted

_LOOKED_AT = 32  # frames, spread evenly: which have alpha, and whether it shows
# FFmpeg's decoders that read the alpha of these; its own, which are usual, do not
_READING_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def note_left_out(task: Task, facts: Facts) -> None:
    """Notes on the streams that OUT cannot hold, on those that --times and --slow leave out, and on
    sound that is to be changed and is not there.

    Those that the user leaves out are not named.
    """
    if task.to_images:
        return
    _note_silent(task)
    if task.of_images:
        return
    if task.ramp is None and task.slow == 1:
        with ExitStack() as stack:
            beside = Beside(task.source, facts.track, facts.about)
            plan_others(beside, CONTAINERS[task.target.suffix.lower()], task.encoding, stack)
        return
    _note_speed(task, facts)


def _note_silent(task: Task) -> None:
    """A note if there is no sound that --audio could change."""
    import av

    if task.encoding.audio in ("copy", "none"):
        return
    what = "images have"
    if not task.of_images:
        what = "IN has"
        with av.open(str(task.source.resolve())) as source:
            if source.streams.audio:
                return
    note(f"{what} no sound; --audio {task.encoding.audio} has nothing to act on")


def _note_speed(task: Task, facts: Facts) -> None:
    import av

    stretched = task.encoding.audio == STRETCH
    unasked = {
        "audio": stretched or task.encoding.audio == "none",
        "subtitle": task.encoding.subtitles == "none",
    }
    with av.open(str(task.source.resolve())) as source:
        left = [
            each
            for each in source.streams
            if each.index != facts.track and not unasked.get(each.type, False)
        ]
        names = ", ".join(map(streams.named, left))
        has_sound = any(each.type == "audio" for each in left)
        if task.ramp is not None and source.chapters():
            names = ", ".join(filter(None, [names, "chapters"]))
    if not names:
        return
    why = "--slow" if task.ramp is None else "--times"
    way = "; --audio stretch keeps sound" if has_sound else ""
    note(f"left out, since {why} shows the film at another speed: {names}{way}")


def note_lost(task: Task, source: Source) -> None:
    """Notes on what of the picture itself is lost."""
    decoder = _READING_ALPHA.get(source.facts.codec)
    if source.facts.about.alpha_apart and decoder and not has_alpha(source.clip):
        note(
            f"the film's transparency is not read; `ffmpeg -c:v {decoder} -i "
            f"{quoted(str(task.source))} -c:v ffv1 film.mkv` makes a file whose is"
        )
    _note_alpha(task, source)
    _note_shape(task, source)


def _note_alpha(task: Task, source: Source) -> None:
    """A note if something in the source is transparent, and in the output will not be."""
    if task.to_images or not loses_alpha(source.clip, task.encoding):
        return
    step = max(1, (source.end - source.first) // _LOOKED_AT)
    clip = source.clip if source.images is None else source.images
    if shows_alpha(clip[source.first : source.end : step]):
        note(
            "transparency is left out: it becomes black; --encoder ffv1, prores or vp9 keeps it, "
            "and so do images"
        )


def _note_shape(task: Task, source: Source) -> None:
    """A note if pixels are not square, and images do not say so."""
    shape = source.facts.about.shown_shape
    if not task.to_images or shape is None or shape == 1:
        return
    width = round(source.clip.width * shape)
    note(
        f"pixels are {shape.numerator}:{shape.denominator}, and images do not keep that: they look "
        f"right as {width}x{source.clip.height}; an --after script can resize them"
    )
