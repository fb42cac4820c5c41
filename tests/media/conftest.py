"""A film with sound; a renderer whose new frames are blends, which cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.blending import blending
from tests.support.ffmpeg import TINY, ffmpeg
from vsrife.cli import main


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64x48, 10 fps, 6 frames, H.264 and AAC."""
    path = tmp_path_factory.mktemp("base") / "base.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY}", "-f", "lavfi", "-i", "sine=r=48000:d=0.6",
           "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", path)  # fmt: skip
    return path


@pytest.fixture
def render(networks_stay, weights: Callable[[], Path], capfd: pytest.CaptureFixture[str]):
    """Run `vsrife render`; gives what was said. Fails if the exit code is another."""

    def run(source: Path, target: Path, *options: str, code: int = 0) -> str:
        words = ["render", str(source), "-o", str(target), "--model", str(weights()), "--device",
                 "cpu", "--preset", "ultrafast", "--no-scene-changes", *options]  # fmt: skip
        capfd.readouterr()
        with blending():
            got = main(words)
        said = capfd.readouterr().err
        assert got == code, said
        return said

    return run
