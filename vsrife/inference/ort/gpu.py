"""What tells one NVIDIA machine from another, asked of its own libraries; loads no framework."""

from __future__ import annotations

import ctypes
import importlib
import sys
from contextlib import suppress
from importlib import metadata

_CUDA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_UNKNOWN = "unknown"


def gpu_name(index: int) -> str:
    """Name of the CUDA device of that number, "unknown" where the driver does not tell."""
    try:
        cuda = ctypes.CDLL(_CUDA)
        name = ctypes.create_string_buffer(256)
        device = ctypes.c_int()
        failed = (
            cuda.cuInit(0)
            or cuda.cuDeviceGet(ctypes.byref(device), index)
            or cuda.cuDeviceGetName(name, len(name), device)
        )
    except (OSError, AttributeError):
        return _UNKNOWN
    return _UNKNOWN if failed else name.value.decode(errors="replace")


def tensorrt_version() -> str:
    """Of the TensorRT that is found first, "unknown" where only the system has one."""
    with suppress(Exception):  # its own import fails in ways of its own
        return str(importlib.import_module("tensorrt").__version__)
    for package in ("tensorrt-cu12-libs", "tensorrt-cu13-libs", "tensorrt"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(package)
    return _UNKNOWN
