"""A render that is killed goes on where it was, and ends with the same file."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.renders import (
    KILLED,
    assert_same_file,
    draw_film,
    finished,
    hashes,
    start,
)
from vsrife.rendering.job import folder_of

FRAMES = 60
LEFT = ["film.mkv", "killed.mp4", "whole.mp4"]


def words(film: Path, target: Path, weights: Path) -> list[str]:
    return [
        str(film), "-o", str(target), "--model", str(weights), "--backend", "onnx",
        "--preset", "ultrafast",
    ]  # fmt: skip


def test_killed_twice_it_goes_on_and_ends_with_the_same_file(tmp_path: Path, weights: Path):
    film = draw_film(tmp_path / "film.mkv", FRAMES)
    whole, target = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    finished(start(words(film, whole, weights)))
    assert len(hashes(whole)) == 2 * FRAMES
    # reports: 60 of the first pass, then one per output frame; segments have 25 at most
    finished(start(words(film, target, weights), reports=FRAMES + 40), KILLED)
    folder = folder_of(target)
    done = sorted(path.name for path in folder.glob("*.json"))
    assert not target.exists()
    assert done == ["00000.json", "manifest.json", "task.json"]
    said = finished(start(words(film, target, weights), reports=30), KILLED)
    assert "1 of 5 segments are done; going on" in said
    said = finished(start(words(film, target, weights)))
    assert "2 of 5 segments are done; going on" in said
    assert_same_file(target, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT


def kill_at_random(process: subprocess.Popen[str], draw: random.Random) -> None:
    """Kill a render with --json after a few lines of progress and a part of a second."""
    lines = draw.randint(1, 12)
    assert process.stdout is not None
    for number, _ in enumerate(process.stdout, 1):
        if number == lines:
            break
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=draw.uniform(0, 1))
    process.kill()
    said = process.communicate()[1]
    assert process.returncode == KILLED, said


@pytest.mark.slow
def test_killed_ten_times_at_random_moments_a_long_film_is_the_same(tmp_path: Path, weights: Path):
    count, kills = 2000, 10
    film = draw_film(tmp_path / "film.mkv", count, every=150)
    whole, target = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    finished(start(words(film, whole, weights), longest=4))
    draw, killed, kept = random.Random(18), 0, []
    folder = folder_of(target)
    while killed < kills:
        process = start([*words(film, target, weights), "--json"], longest=4)
        kill_at_random(process, draw)
        killed += 1
        kept.append(len(list(folder.glob("0*.json"))) if folder.exists() else 0)
        print(f"kill {killed}: {kept[-1]} segments are kept")
    assert killed == kills
    # at most the segment in progress is lost each time
    assert kept == sorted(kept)
    assert kept[-1] > 0
    finished(start(words(film, target, weights), longest=4))
    assert_same_file(target, whole)
    assert len(hashes(target)) == 2 * count
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT
