"""How long a render will take on each backend, and how large it gets, from a few of its frames."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from vsrife.errors import BackendError, RifeError
from vsrife.inference.select import BACKENDS, ON_CPU, is_installed
from vsrife.messages import note, one_line
from vsrife.rendering.film.source_film import Film, Source, open_film
from vsrife.rendering.jobs.work import write_piece
from vsrife.rendering.progress import duration, megabytes
from vsrife.rendering.task import Task

_PLACES = 3  # of the film, spread evenly
_FRAMES = 8  # output frames at each
_WARM = 2  # frames before the clock starts: the first ones build networks


class Estimate(NamedTuple):
    """For one backend: output frames per second, seconds for all, bytes of the film."""

    backend: str
    fps: float
    seconds: float
    size: float


def estimate(task: Task, source: Source) -> list[Estimate]:
    """Render a few frames on each installed backend, or on the one that is asked for.

    The fastest comes first; a backend that cannot run is left out with a note. An error that all
    of them have in common is raised. Without cuts: these would have to be found first.
    """
    asked = task.options.get("backend")
    names = [name for name in BACKENDS if is_installed(name)] if asked is None else [asked]
    found, size = [], None
    failed: dict[str, Exception] = {}
    for name in names:
        options = {**task.options, "backend": name, "sc": False, "duplicates": None}
        options |= {"sc_clip": None, "duplicates_clip": None, "duplicates_anchor": "first"}
        try:
            film = open_film(replace(task, options=options), source, None)
            fps = _speed(film)
            size = _size(task, source, film) if size is None else size
        except (RifeError, vs.Error) as error:
            failed[name] = error
            continue
        count = film.end - film.first
        found.append(Estimate(name, fps, count / fps, size * count))
    texts = {name: one_line(str(error)) for name, error in failed.items()}
    if not found and len(set(texts.values())) == 1:
        raise next(iter(failed.values()))
    for name, text in texts.items():
        # that others' plugins are not there is no news
        if name in ON_CPU or not isinstance(failed[name].__cause__, BackendError):
            note(f"{name} is left out: {text}")
    return sorted(found, key=lambda each: each.seconds)


def _places(film: Film) -> list[tuple[int, int]]:
    """First and last frames of the samples."""
    count = film.end - film.first
    starts = [film.first + count * (2 * k + 1) // (2 * _PLACES) for k in range(_PLACES)]
    return [(at, min(at + _FRAMES, film.end)) for at in starts]


def _speed(film: Film) -> float:
    """Output frames per second."""
    for n in range(film.first, min(film.first + _WARM, film.end)):
        film.clip.get_frame(n).close()
    frames, seconds = 0, 0.0
    for begin, end in _places(film):
        film.clip.get_frame(begin).close()  # finds its place in the file, which is no rendering
        after = range(begin + 1, min(end + 1, film.clip.num_frames)) or range(begin, end)
        start = time.perf_counter()
        for frame in film.clip[after.start : after.stop].frames(close=True):
            frames += frame.width > 0
        seconds += time.perf_counter() - start
    return frames / max(seconds, 1e-9)


def _size(task: Task, source: Source, film: Film) -> float:
    """Bytes of an encoded frame."""
    frames = size = 0
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        for begin, end in _places(film):
            path = Path(folder) / f"{begin}"
            write_piece(task, source.facts, film, (begin, end), path)
            frames, size = frames + end - begin, size + path.stat().st_size
    return size / max(frames, 1)


def as_table(found: Sequence[Estimate]) -> str:
    """A line for each backend."""
    lines = [f"{'backend':<10} {'fps':>8} {'time':>12} {'size of film':>13}"]
    lines += [
        f"{each.backend:<10} {each.fps:>8.2f} {duration(each.seconds):>12} "
        f"{megabytes(each.size):>13}"
        for each in found
    ]
    return "\n".join(lines) + "\n"
