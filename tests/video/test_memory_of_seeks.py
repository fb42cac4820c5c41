"""Memory stays flat however often an editor jumps about."""

import os
import subprocess
import sys

import pytest

from tests.support.memory import FRAYED, POOLS
from tests.support.needs import package

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no resource module")

# Every frame is asked for about as often before the first peak is read as after it
SEEKS = """
import random, resource, sys
import numpy as np
import vapoursynth as vs
from vsrife import rife

def peak():
    unit = 20 if sys.platform == "darwin" else 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> unit

columns = np.arange(64)
blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=500)

def paint(n, f):
    frame = f.copy()
    for plane in range(3):  # a cut every 64 frames
        np.asarray(frame[plane])[:] = (columns * (plane + 1) + 3 * n + n // 64 * 90) % 256
    return frame

clip = rife(blank.std.ModifyFrame(blank, paint), backend="onnx", factor="5/2", sc=True)
order = random.Random(3).choices(range(clip.num_frames), k={seeks})
for count, n in enumerate(order):
    clip.get_frame(n).close()
    if count == {seeks} // 4:
        early = peak()
print(early, peak())
"""


@pytest.mark.slow  # of a few hundred seeks, the start alone takes more than a leak
def test_memory_is_flat_over_seeks():
    package("onnxruntime")
    seeks = 10_000
    done = subprocess.run(
        [sys.executable, "-c", SEEKS.format(seeks=seeks)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.split())
    print(f"{seeks} seeks: {early} MiB after a quarter, {late} MiB at the end")
    assert (late - early) * 1024 <= POOLS + FRAYED * seeks * 3 / 4
