"""Films of odd kinds, made by the ffmpeg of imageio-ffmpeg, and what was said of them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg

TINY = "s=64x48:r=10:d=0.6"


def ffmpeg(*words: object) -> None:
    """Run ffmpeg; what it says is the failure's text."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y"]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def takes(*words: object) -> bool:
    """Whether ffmpeg does that."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "quiet", "-nostdin", "-y"]
    return subprocess.run([*command, *map(str, words)], check=False).returncode == 0


def notes(said: str) -> list[str]:
    return [line for line in said.splitlines() if ": note: " in line and "reading" not in line]


def begins(path: Path) -> list[Fraction]:
    """When the film's packets are shown, in seconds, and when the last one ends."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        packets = [p for p in container.demux(stream) if p.pts is not None]
    packets.sort(key=lambda p: p.pts)
    return [*(p.pts * base for p in packets), (packets[-1].pts + packets[-1].duration) * base]
