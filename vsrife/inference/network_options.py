"""What a user may ask of the network and of what runs it, checked before anything is opened.

Needs no VapourSynth and imports no framework. `open_session` trusts what was checked.
"""

# ruff: noqa: RUF009 -- `option` makes fields, as dataclasses.field does

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vsrife import checks
from vsrife.checks import Flag, Folder, OneOf, Size, Text, Whole, option
from vsrife.errors import ArgumentError
from vsrife.inference import BACKENDS, MOST, open_backend
from vsrife.inference.base import (
    EngineOptions,
    Hardware,
    Note,
    Planes,
    Session,
    Settings,
    read_device,
)
from vsrife.inference.ort import providers, vsrife_trt
from vsrife.inference.select import ON_DEVICE
from vsrife.network.table import DEFAULT_MODEL, SCALES, check_options
from vsrife.weights import find_weights, is_graph, model_name

# Backends that can do what their arguments ask for
_ABLE = {
    "provider": ("onnx",),
    "memory_limit": ("onnx",),
    "threads": ("onnx", "openvino"),
}
# what PyTorch can only be told for the whole process, by who owns it
_HEEDS = {
    "threads": ", which heeds OMP_NUM_THREADS or torch.set_num_threads()",
    "memory_limit": ", which heeds torch.cuda.set_per_process_memory_fraction()",
}
_NETWORK, _DEVICE, _TENSORRT = "network", "device", "TensorRT"


class _Model(NamedTuple):
    allowed: str = "name or path"

    def read(self, name: str, value: object) -> str | os.PathLike[str]:
        if isinstance(value, str | os.PathLike):
            return value
        raise ArgumentError(
            f"{name} must be a name such as '4.25' or the path of a weights file, not {value!r}"
        )


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Arguments of rife() of the same names, checked by themselves and by
    `check_together` and `check_model`. The tables of the documentation
    are made of what is said here."""

    model: str | os.PathLike[str] | None = option(
        _Model(), None, _NETWORK,
        'a model\'s name ("nano", "4.25", one of your own), or the path of a weights file or an '
        "ONNX file",
        none="the embedded model",
    )  # fmt: skip
    auto_download: bool = option(
        Flag(), False, _NETWORK, "fetch official weights that are not on this machine"
    )
    scale: float = option(
        checks.Among(SCALES, "0.5 suits 4K"), 1.0, _NETWORK,
        "resolution at which motion is estimated; 0.5 suits 4K and very fast motion",
    )  # fmt: skip
    ensemble: bool = option(
        Flag(), False, _NETWORK,
        "estimate both ways and average: twice the work, a little better; not in every model",
    )  # fmt: skip
    precision: str | None = option(
        OneOf(("fp16", "fp32")), None, _NETWORK, "number type of the network's convolutions",
        none="fp16 for RGBH, else fp32",
    )  # fmt: skip
    backend: str | None = option(
        OneOf(tuple(BACKENDS)), None, _DEVICE, "what runs the network",
        none="the fastest that is installed",
    )  # fmt: skip
    device: str | None = option(
        Text("cuda:1"), None, _DEVICE,
        '"cuda", "rocm", "xpu", "mps", "cpu", for OpenVINO "gpu" and "npu"; also with a number',
        none="the best there is",
    )  # fmt: skip
    device_index: int = option(
        Whole(0), 0, _DEVICE, "which GPU, counted from 0, where device has no number"
    )
    provider: str | None = option(
        Text("cuda"), None, _DEVICE,
        "ONNX Runtime's execution provider, instead of a device; several as \"cuda,cpu\"",
        none="as device says",
    )  # fmt: skip
    memory_limit: int | None = option(
        Whole(), None, _DEVICE, "MiB of a GPU's memory that ONNX Runtime may take",
        none="no limit",
    )  # fmt: skip
    threads: int | None = option(
        Whole(1, MOST["threads"]), None, _DEVICE,
        "CPU threads of ONNX Runtime and OpenVINO; PyTorch heeds OMP_NUM_THREADS",
        none="as many as suit the machine",
    )  # fmt: skip
    num_streams: int = option(
        Whole(1, MOST["num_streams"]), 1, _DEVICE,
        "new frames that are made at the same time, with ONNX Runtime and OpenVINO",
    )  # fmt: skip
    trt: bool = option(
        Flag(), False, _TENSORRT, "TensorRT where it can be had, else a warning says why not"
    )
    trt_static_shape: bool = option(
        Flag(), True, _TENSORRT, "engines for the clip's size only, not for a range of sizes"
    )
    trt_min_shape: tuple[int, int] = option(
        Size(), (128, 128), _TENSORRT, "least width and height of an engine for a range of sizes"
    )
    trt_opt_shape: tuple[int, int] = option(
        Size(), (1920, 1080), _TENSORRT, "width and height for which such an engine is fastest"
    )
    trt_max_shape: tuple[int, int] = option(
        Size(), (1920, 1080), _TENSORRT, "largest width and height of such an engine"
    )
    trt_workspace_size: int = option(
        Whole(0), 0, _TENSORRT, "bytes of GPU memory for building, 0 for all there is"
    )
    trt_max_aux_streams: int | None = option(
        Whole(0), None, _TENSORRT, "CUDA streams beside the main one", none="TensorRT's choice"
    )
    trt_optimization_level: int | None = option(
        Whole(0, vsrife_trt.LEVELS[-1]), None, _TENSORRT,
        "how long the builder searches; higher takes longer", none="TensorRT's choice",
    )  # fmt: skip
    trt_cache_dir: str | None = option(
        Folder(), None, _TENSORRT, "where engines are kept", none="the cache folder"
    )
    trt_debug: bool = option(Flag(), False, _TENSORRT, "TensorRT's own log of a build")

    @property
    def engines(self) -> EngineOptions:
        return EngineOptions(
            static=self.trt_static_shape,
            smallest=self.trt_min_shape,
            usual=self.trt_opt_shape,
            largest=self.trt_max_shape,
            workspace=self.trt_workspace_size,
            streams=self.trt_max_aux_streams,
            level=self.trt_optimization_level,
            folder=self.trt_cache_dir,
            debug=self.trt_debug,
        )

    @property
    def hardware(self) -> Hardware:
        return Hardware(
            device=self.device,
            device_index=self.device_index,
            provider=self.provider,
            memory_limit=self.memory_limit,
            threads=self.threads,
            num_streams=self.num_streams,
        )


OPTIONS = checks.options_of(NetworkOptions)


def check_together(options: NetworkOptions, width: int, height: int) -> None:
    """ArgumentError for what cannot be asked for together, for frames of that many pixels."""
    _check_device(options)
    if options.trt or not options.trt_static_shape or options.provider is not None:
        vsrife_trt.check_together(options.engines, options.hardware, width, height, trt=options.trt)


def check_model(options: NetworkOptions) -> None:
    """ArgumentError for a model that nobody knows, or that cannot run as asked. A name that is
    none of ours may have to be looked up among the user's files."""
    if options.model is not None or options.ensemble:
        check_options(model_name(options.model), options.scale, options.ensemble)


def _check_device(options: NetworkOptions) -> None:
    """What a backend would refuse, without importing it."""
    backend = options.backend
    if backend is not None:
        for name, able in _ABLE.items():
            if getattr(options, name) is not None and backend not in able:
                heeds = _HEEDS.get(name, "") if backend == "pytorch" else ""
                raise ArgumentError(
                    f"{name}={getattr(options, name)!r} is not for backend {backend!r}{heeds}; "
                    "leave it out, or say backend='onnx'"
                )
        if backend == "pytorch" and options.num_streams != 1:
            raise ArgumentError(
                f"num_streams must be 1 with backend 'pytorch', not {options.num_streams}: "
                "it makes one frame at a time; say backend='onnx' or 'openvino' for more"
            )
    if options.provider is not None or options.memory_limit is not None or backend == "onnx":
        providers.wanted(
            options.provider,
            device=options.device,
            device_index=options.device_index,
            memory_limit=options.memory_limit,
        )
    elif options.device is not None:
        _check_device_name(options.device, backend)


def _check_device_name(device: str, backend: str | None) -> None:
    kinds = (*ON_DEVICE, "cpu")
    if backend is None:
        read_device(device, kinds)
        return
    able = sorted(name for name in kinds if backend in ON_DEVICE.get(name, BACKENDS))
    read_device(device, able, f" with backend={backend!r}")


def open_session(
    options: NetworkOptions,
    *,
    width: int,
    height: int,
    clamp: bool,
    half: bool,
    note: Note,
    sample: Callable[[], tuple[Planes, Planes] | None],
    needs: Mapping[str, str],
) -> Session:
    """A session for what has been checked; here files are looked for, fetched and opened.

    half: for precision=None; needs: arguments, with what the session must tell for them (see
    `Session.tells`); the rest as in `Settings`. BackendError, ModelError as these come.
    """
    graph = options.model is not None and is_graph(options.model)
    hardware = options.hardware
    runner = open_backend(options.backend, hardware, graph=graph, note=note)
    settings = Settings(
        weights=find_weights(options.model, auto_download=options.auto_download),
        model=DEFAULT_MODEL if options.model is None else model_name(options.model),
        scale=options.scale,
        ensemble=options.ensemble,
        half=half if options.precision is None else options.precision == "fp16",
        clamp=clamp,
        width=width,
        height=height,
        hardware=hardware,
        graph=graph,
        note=note,
        sample=sample,
    )
    if options.trt or options.provider is not None:
        session = vsrife_trt.open_session(
            runner, settings, options.engines, trt=options.trt, backend=options.backend
        )
    else:
        session = runner.open_session(settings)
    for argument, need in needs.items():
        if need not in session.tells:
            raise ArgumentError(
                f"{argument} needs what this ONNX file does not give; leave it out, "
                "or give weights as model="
            )
    return session
