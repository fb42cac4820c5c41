"""Renders that fail or, in processes of their own, are killed, and what is in their files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vsrife.rendering.jobs import work

# A process that renders, and that kills itself at the given number of reports of progress; small
# segments, since the film is short
_PROGRAM = """
import os, signal, sys
from vsrife.rendering import progress
from vsrife.rendering.jobs import claims, segments
segments.LONGEST = {longest!r}
claims.LEASE, claims._BEAT = {lease!r}, {lease!r} / 5
class Killer(progress.Lines):
    told = 0
    def update(self, done):
        Killer.told += 1
        if Killer.told == {reports}:
            os.kill(os.getpid(), {signal:d})
        super().update(done)
progress.Lines = Killer
progress.JSON_EVERY = 0  # a line for each report, however fast the machine is
from vsrife.cli import main
sys.exit(main(sys.argv[1:]))
"""


_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # by which Windows ends a process outright
_STOP = getattr(signal, "SIGSTOP", _KILL)


def draw_film(path: Path, frames: int, *, every: int = 40, rate: int = 25, noise: int = 0) -> Path:
    """A 64x48 film with sound, whose scene changes every so many frames."""
    draw = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=44100, layout="mono")
        for n in range(frames):
            scene, at = divmod(n, every)
            picture = np.full(
                (48, 64, 3), (40 + 90 * (scene % 3), 160 - 70 * (scene % 2), 90), "u1"
            )
            picture[8:40, (2 * at) % 50 : (2 * at) % 50 + 10] = (220, 40 * (scene % 5), 30)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for n in range(44100 * frames // rate // 1024):
            samples = draw.uniform(-0.5, 0.5, (1, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, n * 1024
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def start(
    words: list[str],
    *,
    reports: int = 0,
    longest: float = 0.5,
    lease: float = 60,
    stop: bool = False,
) -> subprocess.Popen[str]:
    """Start `vsrife render ...` in a process, which is killed (-9) after so many reports.

    stop: it stands still instead. longest: seconds of a segment. lease: of a claim, in seconds.
    """
    code = _PROGRAM.format(
        longest=longest, reports=reports, lease=lease, signal=_STOP if stop else _KILL
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, "render", *words],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str], code: int = 0) -> str:
    """What a process has said, once it has ended with `code`."""
    _, said = process.communicate()
    assert process.returncode == code, said
    return said


KILLED = _KILL if os.name == "nt" else -_KILL  # the exit code


def hashes(path: Path) -> list[str]:
    """Of each decoded frame."""
    with av.open(str(path)) as container:
        return [
            hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


def packets(path: Path, kind: str) -> list[tuple[Fraction, Fraction, str]]:
    """Time, duration and hash of each packet of a stream."""
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        return [
            (p.pts * base, (p.duration or 0) * base, hashlib.sha256(bytes(p)).hexdigest())
            for p in container.demux(stream)
            if p.pts is not None
        ]


def assert_same_file(one: Path, other: Path) -> None:
    """Frames, times, sound and tags are equal; then the bytes are."""
    assert hashes(one) == hashes(other)
    for kind in ("video", "audio"):
        assert packets(one, kind) == packets(other, kind)
    assert one.read_bytes() == other.read_bytes()


def manifest(folder: Path) -> dict[str, object]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


@contextmanager
def disk_full_after_one_segment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, a render fails once it has made a segment."""
    make, made = work.make_segment, []

    def fail(*arguments: object) -> None:
        if made:
            raise OSError(28, "No space left on device")
        made.append(make(*arguments))

    with monkeypatch.context() as patch:
        patch.setattr(work, "make_segment", fail)
        yield
