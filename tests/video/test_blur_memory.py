"""What motion blur needs of memory does not grow with the clip."""

import ctypes
import gc
import platform
from collections import deque
from unittest import mock

import pytest
import vapoursynth as vs

import vsrife.filter
from tests.images.mixing import Mixing
from tests.support.clips import clip_of, noise
from vsrife import rife

WIDTH, HEIGHT = 96, 64
# KiB in VapourSynth's cache, Python's objects, KiB elsewhere. From frame 40 to 120, 44 to 46 and 77
# to 139 were seen of the last two. A sample as the network makes it has 72 KiB: four too many are
# seen. Up to frame 540, tables of source frames fill, a KiB for each frame.
KEPT = {"vapoursynth": 512, "objects": 400, "malloc": 300}


class _MallInfo(ctypes.Structure):
    """Of glibc's mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    )  # fmt: skip


def in_use():
    """What is alive: resident memory would also count what the allocator keeps for later."""
    gc.collect()
    found = {
        "vapoursynth": vs.core.used_cache_size >> 10,
        "objects": len(gc.get_objects()),
    }
    if platform.libc_ver()[0] == "glibc":
        mallinfo = ctypes.CDLL(None).mallinfo2
        mallinfo.restype = _MallInfo
        info = mallinfo()
        found["malloc"] = ((info.uordblks + info.hblkhd) >> 10) - found["vapoursynth"]
    return found


@pytest.mark.parametrize(
    ("settled", "frames"), [(40, 120), pytest.param(600, 1000, marks=pytest.mark.slow)]
)
def test_memory_of_motion_blur_is_flat(settled, frames):
    draw = noise(WIDTH, HEIGHT)
    clip = clip_of(draw, frames // 2, fmt=vs.RGBS)
    session = Mixing()
    session.made = deque(maxlen=1)  # it would list every sample
    with mock.patch.object(vsrife.filter, "open_session", return_value=session):
        out = rife(clip, shutter=180)
    for n in range(frames):
        out.get_frame(n).close()
        if n == settled:
            early = in_use()
    late = in_use()
    grown = {name: late[name] - early[name] for name in early}
    print(f"{frames} frames: {early} after {settled}, {grown} more at the end")
    assert {name for name, by in grown.items() if by > KEPT[name]} == set()
