"""What runtimes say when there is no memory left: each has errors of its own."""

from __future__ import annotations

import re

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


def reason_of(error: BaseException) -> str:
    """The error as a part of one line."""
    return printable(one_line(str(error))) or type(error).__name__
