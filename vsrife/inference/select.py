"""Which backends suit when none is named: the fastest first that is installed and fits the machine.

PyTorch takes seconds to be imported, so it is asked only where it may see a GPU.
"""

from __future__ import annotations

import importlib
import platform
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsrife.errors import ArgumentError, BackendError
from vsrife.inference import quiet
from vsrife.inference.ort.providers import PROVIDERS

if TYPE_CHECKING:
    from vsrife.inference.base import Hardware


class Known(NamedTuple):
    """A backend: its module, which has it as `BACKEND`, what that imports, and the extra for it."""

    module: str
    packages: tuple[str, ...]
    extra: str


# A new backend is a file and a row here
BACKENDS = {
    "pytorch": Known("vsrife.inference.pytorch", ("torch",), "torch"),
    "onnx": Known("vsrife.inference.ort.backend", ("onnxruntime", "onnx"), "onnx"),
    "openvino": Known("vsrife.inference.openvino", ("openvino", "onnx"), "openvino"),
}
# On a CPU, the fastest first: measured, see docs/guide/backends.md
ON_CPU = ("openvino", "pytorch", "onnx")
# What `device=` says about the backend, "cpu" besides
ON_DEVICE = {
    "cuda": ("pytorch", "onnx"),
    "rocm": ("pytorch", "onnx"),
    "xpu": ("pytorch", "openvino", "onnx"),
    "mps": ("pytorch", "onnx"),
    "gpu": ("openvino",),
    "npu": ("openvino",),
}
# What a driver leaves on Linux: NVIDIA's, WSL's, AMD's, Intel's
_DEVICE_FILES = ("nvidiactl", "dxg", "kfd", "dri/renderD128")
# Builds of ONNX Runtime that somebody has installed for a GPU; CoreML's comes with every macOS
_GPU_PROVIDERS = {PROVIDERS[name].full_name for name in ("cuda", "rocm", "migraphx", "directml")}


def is_installed(backend: str) -> bool:
    return all(_is_there(package) for package in BACKENDS[backend].packages)


def candidates(hardware: Hardware, *, graph: bool = False) -> tuple[str, ...]:
    """Names of backends for what the user has asked for, the best first. Each is installed, but
    perhaps cannot be loaded.

    graph: the model is a graph, which PyTorch cannot run. BackendError where none is installed,
    ArgumentError for a device that none knows.
    """
    if hardware.provider is not None or hardware.memory_limit is not None:
        return ("onnx",)
    kind = "" if hardware.device is None else re.split("[:.]", hardware.device.lower())[0]
    if hardware.device is not None and kind not in (*ON_DEVICE, "cpu"):
        raise ArgumentError(
            f"device must be one of {', '.join(ON_DEVICE)}, cpu, with a number if there are "
            f'several such as "cuda:1", not {hardware.device!r}'
        )
    order = ON_DEVICE.get(kind, ON_CPU)
    if hardware.device is None:
        order = (*_with_gpu(), *ON_CPU)
    asks = hardware.threads is not None or hardware.num_streams != 1
    able = [name for name in order if name != "pytorch" or not (graph or asks)]
    found = tuple(name for name in dict.fromkeys(able) if is_installed(name))
    if found:
        return found
    if kind in ("", "cpu"):
        raise BackendError(
            "no backend is installed that could run this; pip install '.[onnx]' or "
            "'.[openvino]' for CPUs, '.[torch]' for GPUs"
        )
    return (able[0],)  # whose error says what is missing


def best(hardware: Hardware, *, graph: bool = False) -> str:
    return candidates(hardware, graph=graph)[0]


def _with_gpu() -> tuple[str, ...]:
    """Backends that would compute on a GPU of this machine, if there is one, and those that may but
    cannot be loaded: whoever opens them is told why."""
    if not _may_have_gpu():
        return ()
    broken: list[str] = []
    for backend, has_gpu in (("pytorch", _torch_has_gpu), ("onnx", _onnxruntime_has_gpu)):
        if not is_installed(backend):
            continue
        try:
            if has_gpu():
                return (*broken, backend)
        except Exception:  # each fails in ways of its own
            broken.append(backend)
    return tuple(broken)


def _may_have_gpu() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "linux":
        return any(Path("/dev", name).exists() for name in _DEVICE_FILES)
    return True


def _torch_has_gpu() -> bool:
    """Whether the installed PyTorch sees one; it is imported only if it was built for any."""
    if "torch" not in sys.modules and sys.platform != "darwin" and not _built_for_gpu():
        return False
    torch = importlib.import_module("torch")
    kinds = (torch.cuda, torch.xpu, torch.backends.mps)
    return any(kind.is_available() for kind in kinds)


def _onnxruntime_has_gpu() -> bool:
    offered = quiet.load("onnxruntime").get_available_providers()
    return not _GPU_PROVIDERS.isdisjoint(offered)


def _built_for_gpu() -> bool:
    """What torch/version.py says, read as text; True where it cannot be read."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return True
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return True
    return any(
        re.search(rf"^{name}\b.*= *'", text, re.MULTILINE) for name in ("cuda", "hip", "xpu")
    )


def _is_there(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # a finder that forbids it, a package without a spec
        return False
