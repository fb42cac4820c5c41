"""What a render leaves out of the source, said before the work."""

from __future__ import annotations

from contextlib import ExitStack

from vsrife.media.source import Facts
from vsrife.media.tracks import streams
from vsrife.media.tracks.others import Beside, plan_others
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.media.writing.encoding import STRETCH
from vsrife.messages import note
from vsrife.rendering.task import Task


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
    if not names:
        return
    why = "--slow" if task.ramp is None else "--times"
    way = "; --audio stretch keeps sound" if has_sound else ""
    note(f"left out, since {why} shows the film at another speed: {names}{way}")
