"""What runtimes say when there is no memory left: each has errors of its own."""

from __future__ import annotations

import re
import traceback

from vsrife.errors import printable
from vsrife.messages import one_line

_WORDS = re.compile(
    "|".join(
        (
            "out of (device |host |gpu )?memory",  # CUDA, HIP, Metal, TensorRT, PyTorch
            "out_of_(device_|host_)?memory",  # Level Zero and SYCL: PyTorch's xpu
            "out_of_(resources|host_memory)",  # OpenCL: OpenVINO on GPUs
            "out of gpu resources",  # OpenVINO
            "mem_object_allocation_failure",
            "exceeded max size of memory",
            "(can't|cannot|could not|failed to|unable to) (be )?allocate",
            "failed to allocate memory",  # ONNX Runtime's arenas
            "smaller than requested bytes",  # ONNX Runtime where memory_limit= is reached
            "not enough memory",
            "alloc(ation)?_?failed",  # cuBLAS, cuDNN, MIOpen
            "unable to find an engine",  # cuDNN in PyTorch, where there is no room for any of them
            "bad_?alloc",  # C++
            "bad allocation",
            "outofmemory",
        )
    ),
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of numpy, PyTorch, ONNX Runtime, OpenVINO or a driver says that memory has
    run out, or has such an error as its cause."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or "OutOfMemory" in type(seen).__name__:
            return True
        if _WORDS.search(str(seen)):
            return True
        seen = seen.__cause__
    return False


def forget(error: BaseException) -> None:
    """Let go of what the functions that `error` has left had in hand; the error itself stays.

    A traceback keeps their variables alive, and so what they had allocated on the device.
    """
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__


def reason_of(error: BaseException) -> str:
    """The error as a part of one line."""
    return printable(one_line(str(error))) or type(error).__name__
