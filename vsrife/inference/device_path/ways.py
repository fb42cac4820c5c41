"""What each kind of device gains by."""

from __future__ import annotations

from typing import NamedTuple

import torch

from vsrife.inference.base import AT_A_TIME

# Of all new frames in one call. Above it, one alone keeps a GPU busy, and memory is better used
_PIXELS = 2 * 1920 * 1088
_SHARE = 4  # of the device's memory, for uploads and what is computed for each source frame
_USUAL_BYTES = 2 << 30


class Ways(NamedTuple):
    """planes: frames go up and come down as clips store them, converted on the device. batches:
    several new frames in one call. replays: calls are recorded and replayed. fused: warps are one
    kernel, where Triton can compile it."""

    planes: bool = False
    batches: bool = False
    replays: bool = False
    fused: bool = False


# By kind of torch.device. Not measured on any GPU yet, see docs/performance.md. On a CPU, the
# core's resizer converts faster than PyTorch, and four timesteps in a batch took 1.02 to 1.28 times
# as long as one by one. Tests set "cpu" to prove what is for others.
WAYS = {
    "cuda": Ways(planes=True, batches=True, replays=True, fused=True),
    "xpu": Ways(planes=True),
    "mps": Ways(planes=True),
    "cpu": Ways(),
}


def batch_of(width: int, height: int) -> int:
    """New frames of that size in one call, at most."""
    return max(1, min(AT_A_TIME, _PIXELS // (width * height)))


def bytes_for_frames(device: torch.device) -> int:
    """Bytes that source frames and what is computed for them may have on a device."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // _SHARE
    return _USUAL_BYTES
