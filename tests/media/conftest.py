"""Films of odd kinds, made by the ffmpeg of imageio-ffmpeg; a renderer that needs no network."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from vsrife.cli import main

TINY = "s=64x48:r=10:d=0.6"

Film = Callable[..., Path]


def ffmpeg(*words: object) -> None:
    """Run ffmpeg; what it says is the failure's text."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y"]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def takes(*words: object) -> bool:
    """Whether ffmpeg does that."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "quiet", "-nostdin", "-y"]
    return subprocess.run([*command, *map(str, words)], check=False).returncode == 0


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64x48, 10 fps, 6 frames, H.264 and AAC."""
    path = tmp_path_factory.mktemp("base") / "base.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY}", "-f", "lavfi", "-i", "sine=r=48000:d=0.6",
           "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", path)  # fmt: skip
    return path


@pytest.fixture
def render(weights: Callable[[], Path], capfd: pytest.CaptureFixture[str]):
    """Run `vsrife render`; gives what was said. Fails if the exit code is another."""

    def run(source: Path, target: Path, *options: str, code: int = 0) -> str:
        words = ["render", str(source), "-o", str(target), "--model", str(weights()), "--device",
                 "cpu", "--preset", "ultrafast", "--no-scene-changes", *options]  # fmt: skip
        capfd.readouterr()
        got = main(words)
        said = capfd.readouterr().err
        assert got == code, said
        return said

    return run


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
