"""A render that is killed goes on where it was, and ends with the same file."""

from __future__ import annotations

import json
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
from vsrife.rendering.jobs.job import folder_of
from vsrife.rendering.jobs.manifest import load

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
    # reports: 60 of the first pass, then one per output frame; segments have 15 at most
    finished(start(words(film, target, weights), reports=FRAMES + 20), KILLED)
    folder = folder_of(target)
    done = sorted(path.name for path in folder.glob("*.json"))
    assert not target.exists()
    assert done == ["00000.json", "manifest.json", "task.json"]
    said = finished(start(words(film, target, weights), reports=20), KILLED)
    assert "1 of 8 segments are done; going on" in said
    said = finished(start(words(film, target, weights)))
    assert "2 of 8 segments are done; going on" in said
    assert_same_file(target, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT


def kill_at_random(render: subprocess.Popen[str], phase: str, reports: int) -> int:
    """Kill a render with --json once it has told of so many frames of a phase; it goes on until
    the signal comes, so this may be at any moment. Gives the frames that it has told of last."""
    assert render.stdout is not None
    lines, told = [], 0
    for line in render.stdout:
        lines.append(line)
        told += json.loads(line)["phase"] == phase
        if told == reports:
            break
    render.kill()
    lines += [line for line in render.stdout if line.endswith("\n")]
    said = render.communicate()[1]
    assert render.returncode == KILLED, said
    last = json.loads(lines[-1])
    return int(last["done"]) if last["phase"] == "render" else 0


def frames_kept(folder: Path) -> int:
    """Frames in finished segments."""
    borders = load(folder).borders
    done = (int(receipt.stem) for receipt in folder.glob("0*.json"))
    return sum(borders[segment + 1] - borders[segment] for segment in done)


@pytest.mark.slow
def test_killed_ten_times_at_random_moments_a_long_film_is_the_same(tmp_path: Path, weights: Path):
    count, kills, longest = 2000, 10, 4
    film = draw_film(tmp_path / "film.mkv", count, every=150)
    whole, target = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    finished(start(words(film, whole, weights), longest=longest))
    draw, folder = random.Random(18), folder_of(target)
    again = [*words(film, target, weights), "--json"]
    kill_at_random(start(again, longest=longest), "mark", draw.randint(1, count - 1))
    assert not list(folder.glob("0*.json"))  # the first pass is cheap, and counts when it is whole
    for kill in range(2, kills + 1):
        # in all, fewer frames than the film has
        made = kill_at_random(
            start(again, longest=longest), "render", draw.randint(1, 2 * count // kills)
        )
        kept = frames_kept(folder)
        print(f"kill {kill}: {made} frames are made, {kept} are kept")
        assert 0 <= made - kept <= 2 * 25 * longest  # at most the segment in progress is lost
    assert kept > 0
    finished(start(words(film, target, weights), longest=longest))
    assert_same_file(target, whole)
    assert len(hashes(target)) == 2 * count
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT
