"""Whether the disk has room for a render: told early, and checked before the end."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.messages import note
from vsrife.rendering.jobs.job import Job


def note_room(job: Job) -> None:
    """A note if what is still to be written, by what is done so far, does not fit on the disk."""
    if job.plan is None or not job.done():
        return
    total = job.plan.borders[-1] - job.plan.borders[0]
    size = job.size()
    # all segments, and once more as OUT
    needed = size * total / max(1, job.frames_done()) * 2 - size
    free = shutil.disk_usage(job.folder).free
    if free < needed:
        note(
            f"about {needed / 1e6:.0f} MB more are needed, and {free / 1e6:.0f} MB are free beside "
            "OUT; if the disk gets full, make room and run the same command again"
        )


def check_space(target: Path, segments: Sequence[Path]) -> None:
    """MediaError if the disk has no room for the output beside its segments."""
    needed = sum(path.stat().st_size for path in segments)
    free = shutil.disk_usage(target.resolve().parent).free
    if free < needed:
        raise MediaError(
            f"{target} needs {needed / 1e6:.0f} MB more than its segments, and "
            f"{free / 1e6:.0f} MB are free; make room and run the same command again"
        )
