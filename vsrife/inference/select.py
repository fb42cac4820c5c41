"""Backends by name, and which suits when none is named: the fastest that is installed.

PyTorch takes seconds to be imported, so it is asked only where it may see a GPU.
"""

from __future__ import annotations

import importlib
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vsrife import messages
from vsrife.errors import ArgumentError, BackendError, needing, printable
from vsrife.inference.backends import quiet
from vsrife.inference.base import Hardware, read_device
from vsrife.inference.ort import providers

if TYPE_CHECKING:
    from vsrife.inference.base import Backend, Note


class Known(NamedTuple):
    """A backend: its module, which has it as `BACKEND`, what that imports, and the extra for it.

    heeds: which of the arguments in `Hardware` it can be asked for, besides a device; instead: what
    it does about the others, as a part of the message that refuses them.
    """

    module: str
    packages: tuple[str, ...]
    extra: str
    heeds: tuple[str, ...]
    instead: Mapping[str, str] = MappingProxyType({})


# A new backend is a file and a row here
BACKENDS = {
    "pytorch": Known(
        "vsrife.inference.backends.pytorch",
        ("torch",),
        "torch",
        (),
        # some of it, PyTorch can only be told for the whole process, by who owns it
        {
            "threads": "which heeds OMP_NUM_THREADS or torch.set_num_threads()",
            "memory_limit": "which heeds torch.cuda.set_per_process_memory_fraction()",
            "num_streams": "which makes one frame at a time",
        },
    ),
    "onnx": Known(
        "vsrife.inference.ort.backend",
        ("onnxruntime", "onnx"),
        "onnx",
        ("provider", "memory_limit", "threads", "num_streams"),
    ),
    "openvino": Known(
        "vsrife.inference.backends.openvino",
        ("openvino", "onnx"),
        "openvino",
        ("threads", "num_streams"),
    ),
    "mlrt": Known(
        "vsrife.inference.backends.mlrt",
        ("vapoursynth", "onnx"),
        "onnx",
        ("num_streams",),
        {"threads": "whose plugins take all cores"},
    ),
}
# On a CPU, the fastest first: measured, see docs/performance.md
ON_CPU = ("openvino", "onnx", "pytorch")
# What `device=` says about the backend, "cpu" besides
ON_DEVICE = {
    "cuda": ("pytorch", "onnx", "mlrt"),
    "rocm": ("pytorch", "onnx"),
    "xpu": ("pytorch", "openvino", "onnx"),
    "mps": ("pytorch", "onnx"),
    "gpu": ("openvino", "mlrt"),
    "npu": ("openvino", "mlrt"),
}
# What a driver leaves on Linux: NVIDIA's, WSL's, AMD's, Intel's
_DEVICE_FILES = ("nvidiactl", "dxg", "kfd", "dri/renderD128")
# Builds of ONNX Runtime that somebody has installed for a GPU; CoreML's comes with every macOS
_GPU_PROVIDERS = {
    providers.PROVIDERS[name].full_name for name in ("cuda", "rocm", "migraphx", "directml")
}


# Beyond these, threads and queues are made for hours, or there is no memory for them
MOST = {"threads": 1024, "num_streams": 64}
_USUAL = Hardware()  # asks for nothing
_ARGUMENTS = ("provider", "memory_limit", "threads", "num_streams")  # see Known.heeds
# What OpenVINO's Python package says where the process has another build of its library
_CLASH = "mismatches with OpenVINO Runtime library version"


def open_backend(
    name: str | None, hardware: Hardware, *, graph: bool = False, note: Note = messages.note
) -> Backend:
    """The backend of that name, None for the best that is installed, which can do what is asked.

    graph: the model is a graph, not weights; note: hears of backends that are installed and cannot
    be loaded, where another one is taken. ArgumentError as of `check`, BackendError if its packages
    are missing or cannot be loaded.
    """
    check(name, hardware)
    chosen, *others = candidates(hardware, graph=graph) if name is None else (name,)
    for other in others:
        try:
            return _load(chosen)
        except BackendError as error:
            note(f"{error}; backend {other!r} is used instead")
            chosen = other
    return _load(chosen)


def check(backend: str | None, hardware: Hardware) -> None:
    """ArgumentError for what a backend cannot be asked for, whatever the machine has; None: what
    none can. Imports no runtime."""
    if backend is not None:
        if backend not in BACKENDS:
            raise ArgumentError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        _check_heeded(backend, hardware)
    asks_onnx = hardware.provider is not None or hardware.memory_limit is not None
    if asks_onnx or backend == "onnx":
        providers.wanted(
            hardware.provider,
            device=hardware.device,
            device_index=hardware.device_index,
            memory_limit=hardware.memory_limit,
        )
    elif hardware.device is not None:
        kinds = (*ON_DEVICE, "cpu")
        if backend is None:
            read_device(hardware.device, kinds)
        else:
            able = sorted(kind for kind in kinds if backend in ON_DEVICE.get(kind, BACKENDS))
            read_device(hardware.device, able, f" with backend={backend!r}")


def _asked(hardware: Hardware) -> dict[str, object]:
    """What is asked for besides a device."""
    values = {name: getattr(hardware, name) for name in _ARGUMENTS}
    return {name: value for name, value in values.items() if value != getattr(_USUAL, name)}


def _check_heeded(backend: str, hardware: Hardware) -> None:
    row = BACKENDS[backend]
    for argument, value in _asked(hardware).items():
        if argument in row.heeds:
            continue
        able = " or ".join(repr(name) for name, each in BACKENDS.items() if argument in each.heeds)
        instead = f", {row.instead[argument]}" if argument in row.instead else ""
        raise ArgumentError(
            f"{argument}={value!r} is not for backend {backend!r}{instead}; "
            f"leave it out, or say backend={able}"
        )


def loads(name: str, note: Note) -> bool:
    """Whether an installed backend can be loaded; `note` hears why it cannot."""
    try:
        _load(name)
    except BackendError as error:
        note(f"{error}; left out")
        return False
    return True


def _load(name: str) -> Backend:
    try:
        backend: Backend = importlib.import_module(BACKENDS[name].module).BACKEND
    except ModuleNotFoundError:
        with needing(f"backend {name!r}", BACKENDS[name].extra):
            raise
    except Exception as error:  # each runtime fails in ways of its own
        raise _broken(name, error) from error
    return backend


def _broken(name: str, error: Exception) -> BackendError:
    """The error for packages that are there and do not work."""
    reason = printable(messages.one_line(str(error))) or type(error).__name__
    way_out = f"install {' and '.join(BACKENDS[name].packages)} anew"
    if _CLASH in str(error):
        # The loader gives a process one library of each name, and plugins are loaded first
        from importlib import metadata

        version = ""  # unknown where the package was put there by hand
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version("openvino")
        reason = f"vs-mlrt's core.ov has loaded another build of OpenVINO {version}".rstrip()
        reason += " before"
        way_out = "name another backend"
        if version and sys.platform == "linux":  # where the library's name has the release in it
            way_out = f'pip install "openvino!={version}", since other releases work beside it'
    return BackendError(f"backend {name!r} cannot be loaded ({reason}); {way_out}")


def is_installed(backend: str) -> bool:
    return all(_is_there(package) for package in BACKENDS[backend].packages)


def _has_plugin(backend: str) -> bool:
    """Whether VapourSynth has a plugin that the backend runs, if it is one that needs any."""
    if backend != "mlrt":
        return True
    from vsrife.inference.backends.mlrt import plugins

    return bool(plugins())


def candidates(hardware: Hardware, *, graph: bool = False) -> tuple[str, ...]:
    """Names of backends for what the user has asked for, the best first. Each is installed, but
    perhaps cannot be loaded.

    graph: the model is a graph, which PyTorch cannot run. BackendError where none is installed,
    ArgumentError for a device that none knows.
    """
    if hardware.provider is not None or hardware.memory_limit is not None:
        return ("onnx",)
    kind = ""
    if hardware.device is not None:
        kind = read_device(hardware.device, (*ON_DEVICE, "cpu")).kind
    order = ON_DEVICE.get(kind, ON_CPU)
    if hardware.device is None:
        order = (*_with_gpu(), *ON_CPU)
    asked = _asked(hardware)
    able = [
        name
        for name in order
        if asked.keys() <= set(BACKENDS[name].heeds) and not (graph and name == "pytorch")
    ]
    found = tuple(name for name in dict.fromkeys(able) if is_installed(name) and _has_plugin(name))
    if found:
        return found
    if kind in ("", "cpu"):
        raise BackendError(
            'no backend is installed that could run this; pip install ".[onnx]" or '
            '".[openvino]" for CPUs, ".[torch]" for GPUs'
        )
    return (able[0],)  # whose error says what is missing


def on_cpu(backend: str | None, hardware: Hardware) -> bool:
    """Whether a network would run on the CPU, with a backend of ours."""
    if backend is not None and backend not in ON_CPU:
        return False  # a plugin of others, whose graphs may take minutes to build
    if hardware.provider is not None:
        return hardware.provider.lower() == "cpu"
    if hardware.device is not None:
        return hardware.device.lower().partition(":")[0] == "cpu"
    on_gpu = _with_gpu()
    return not on_gpu if backend is None else backend not in on_gpu


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
