"""What a render in another time leaves out of the source, said before the work."""

from __future__ import annotations

from vsrife.media import streams
from vsrife.media.encoding import STRETCH
from vsrife.media.source import Facts
from vsrife.messages import note
from vsrife.rendering.task import Task


def note_left_out(task: Task, facts: Facts) -> None:
    """A note with the streams that --times and --slow leave out, unless the user does so."""
    if task.of_images or task.to_images or (task.ramp is None and task.slow == 1):
        return
    import av

    stretched = task.ramp is None and task.encoding.audio == STRETCH
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
    way = "; --audio stretch keeps sound" if has_sound and task.ramp is None else ""
    note(f"left out, since {why} shows the film at another speed: {names}{way}")
