"""Memory stays flat, however long a clip is."""

import subprocess
import sys

import pytest

from tests.support.memory import FRAYED, POOLS

# What a quarter of the frames needed must be enough for the rest. Peaks in MiB: ru_maxrss is in
# KiB, on macOS in bytes; Windows has no `resource`.
SCRIPT = """
import resource, sys
import numpy as np
import vapoursynth as vs
from vsrife import rife

def peak():
    unit = 20 if sys.platform == "darwin" else 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> unit

frames = {frames}
columns = np.arange(64)
blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=frames // 2)

def paint(n, f):
    frame = f.copy()
    for plane in range(3):  # drawings on twos, a cut every 64 frames
        np.asarray(frame[plane])[:] = (columns * (plane + 1) + 3 * (n - n % 2) + n // 64 * 90) % 256
    return frame

clip = rife(blank.std.ModifyFrame(blank, paint), backend={backend!r}, **{options!r})
assert clip.num_frames == frames
for n in range(frames):
    clip.get_frame(n).close()
    if n == frames // 4:
        early = peak()
print(early, peak())
"""
EVERYTHING = {"sc": "adaptive", "duplicates": "fill", "protect": True, "confidence": 0.1}


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("backend", ["pytorch", "onnx", "openvino"])
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(400, id="small"),
        pytest.param(20_000, id="whole", marks=pytest.mark.slow),
    ],
)
def test_memory_is_flat(frames, backend):
    # of more, some would wait for work at full speed
    threads = {} if backend == "pytorch" else {"threads": 1}
    code = SCRIPT.format(frames=frames, backend=backend, options=EVERYTHING | threads)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.split())
    print(f"{frames} frames on {backend}: {early} MiB after a quarter, {late} MiB at the end")
    assert (late - early) * 1024 <= POOLS + FRAYED * frames * 3 / 4
