"""Memory of a render stays flat, however long the film is."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.memory import FRAYED, POOLS
from tests.support.renders import draw_film


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_is_flat_over_a_render(tmp_path: Path, weights: Path):
    """As the render itself tells with --json: the peak so far, a line a second."""
    count = 5000
    film = draw_film(tmp_path / "film.mkv", count, every=150)
    render = subprocess.run(
        [
            sys.executable, "-m", "vsrife", "render", str(film), "-o", str(tmp_path / "out.mp4"),
            "--model", str(weights), "--backend", "onnx", "--preset", "ultrafast", "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip  # an option and its value stay together
    assert render.returncode == 0, render.stderr
    told = [json.loads(line) for line in render.stdout.splitlines()]
    made = [line for line in told if line["phase"] == "render"]
    assert made[-1]["done"] == 2 * count
    early = next(line["memory_mib"] for line in made if line["done"] >= count / 2)
    peaks = [line["memory_mib"] for line in told if "memory_mib" in line]
    assert peaks == sorted(peaks)
    print(f"{2 * count} frames: {early} MiB after a quarter, {peaks[-1]} MiB at the end")
    for phase, lines in itertools.groupby(told, lambda line: line["phase"]):
        print(phase, [line.get("memory_mib") for line in lines][-1])
    # joining comes last, and holds packets, no frames
    assert (peaks[-1] - early) * 1024 <= POOLS + FRAYED * 2 * count * 3 / 4
