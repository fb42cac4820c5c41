"""What a user may ask of the network and of what runs it, checked before anything is opened.

Needs no VapourSynth and imports no framework. `open_session` trusts what was checked.
"""

# ruff: noqa: RUF009 -- `option` makes fields, as dataclasses.field does

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vsrife import checks
from vsrife.checks import Among, AmongOr, Flag, Folder, OneOf, Size, Text, Whole, option
from vsrife.errors import ArgumentError
from vsrife.inference import (
    BACKENDS,
    MOST,
    network_kinds,
    open_backend,
    select,
    three_frames,
    together,
)
from vsrife.inference.base import (
    BESIDE,
    EngineOptions,
    Hardware,
    Note,
    Planes,
    Session,
    Settings,
)
from vsrife.inference.graphs import bf16
from vsrife.inference.ort import vsrife_trt
from vsrife.inference.sessions.auto_scale import AUTO, FINEST
from vsrife.inference.sessions.tta import WAYS
from vsrife.inference.stack import Wishes, open_on
from vsrife.network.table import DEFAULT_MODEL, SCALES, check_options
from vsrife.weights import find_weights, is_graph, model_name

_NETWORK, _DEVICE, _TENSORRT = "network", "device", "TensorRT"


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Arguments of rife() of the same names, checked by themselves and by
    `check_together` and `check_model`. The tables of the documentation
    are made of what is said here."""

    model: str | os.PathLike[str] | None = option(
        network_kinds.Model(), None, _NETWORK,
        'a model\'s name ("nano", "4.25", one of your own), or the path of a weights file or an '
        "ONNX file",
        none=DEFAULT_MODEL,
    )  # fmt: skip
    auto_download: bool = option(
        Flag(), False, _NETWORK, "fetch official weights that are not on this machine"
    )
    scale: float | str = option(
        AmongOr(Among(SCALES, f'0.5 suits 4K, "{AUTO}" chooses for each pair'), AUTO),
        1.0, _NETWORK,
        "resolution at which motion is estimated; 0.5 suits 4K and very fast motion; \"auto\" "
        "chooses 1, 0.5 or 0.25 for each pair of frames",
    )  # fmt: skip
    ensemble: bool = option(
        Flag(), False, _NETWORK,
        "estimate both ways and average: twice the work, a little better; not in every model",
    )  # fmt: skip
    tta: str | None = option(
        OneOf(tuple(WAYS)), None, _NETWORK,
        "make each frame also mirrored (\"flip\"), backwards in time (\"time\"), or \"both\", and "
        "take the mean: twice or four times the work, a little better; in every model",
        none="one way",
    )  # fmt: skip
    precision: str | None = option(
        OneOf(("fp16", "fp32", bf16.NAME)), None, _NETWORK,
        "number type of the network's convolutions; \"bf16\" with OpenVINO, on CPUs that have it",
        none='"bf16" for "nano" and "small" where it can be had, else fp16 for RGBH and fp32',
    )  # fmt: skip
    backend: str | None = option(
        OneOf(tuple(BACKENDS)), None, _DEVICE, "what runs the network",
        none="the fastest that is installed",
    )  # fmt: skip
    device: str | tuple[str, ...] | None = option(
        network_kinds.Device(), None, _DEVICE,
        '"cuda", "rocm", "xpu", "mps", "cpu", for OpenVINO "gpu" and "npu"; also with a number; '
        "several of a kind share the work",
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
    def hardwares(self) -> tuple[Hardware, ...]:
        """Each device's own; one where none or one is named."""
        names = self.device if isinstance(self.device, tuple) else (self.device,)
        return tuple(
            Hardware(
                device=name,
                device_index=self.device_index,
                provider=self.provider,
                memory_limit=self.memory_limit,
                threads=self.threads,
                num_streams=self.num_streams,
            )
            for name in names
        )

    @property
    def hardware(self) -> Hardware:
        """The first device's: what is true of one is true of all."""
        return self.hardwares[0]

    @property
    def runner(self) -> str | None:
        """The backend's name; where none is named, that of the one which has the precision."""
        narrow = self.backend is None and self.precision == bf16.NAME
        return bf16.BACKEND if narrow else self.backend

    @property
    def fixed_scale(self) -> float:
        """The scale, or where each pair has its own that of all which are not fast."""
        return FINEST if isinstance(self.scale, str) else self.scale


OPTIONS = checks.options_of(NetworkOptions)


def read(width: int, height: int, **asked: object) -> NetworkOptions:
    """Options from some of these arguments, all checked, for frames of that many pixels."""
    defaults = {each.name: each.default for each in OPTIONS}
    options = NetworkOptions(**checks.read_all(OPTIONS, defaults | asked))
    check_together(options, width, height)
    check_model(options)
    return options


def check_together(options: NetworkOptions, width: int, height: int) -> None:
    """ArgumentError for what cannot be asked for together, for frames of that many pixels."""
    for hardware in options.hardwares:
        select.check(options.backend, hardware)
    graph = options.model is not None and is_graph(options.model)
    if options.precision == bf16.NAME:
        bf16.check(options.backend, options.hardwares, graph=graph, trt=options.trt)
    if isinstance(options.device, tuple):
        together.check_devices(options.device, options.device_index)
    if options.tta in ("time", "both") and options.ensemble:
        raise ArgumentError(
            f'tta="{options.tta}" and ensemble both go backwards in time; '
            'leave one of them out, or use tta="flip"'
        )
    if isinstance(options.scale, str):
        tensorrt = options.trt or vsrife_trt.asks(options.hardware)
        together.check_auto_scale(graph=graph, tensorrt=tensorrt)
    if options.backend == "mlrt":
        together.check_nodes(options.scale, options.tta, options.device)
    if options.trt or not options.trt_static_shape or options.provider is not None:
        vsrife_trt.check_together(options.engines, options.hardware, width, height, trt=options.trt)


def check_model(options: NetworkOptions) -> None:
    """ArgumentError for a model that nobody knows, or that cannot run as asked. A name that is
    none of ours may have to be looked up among the user's files."""
    if options.model is not None or options.ensemble:
        check_options(model_name(options.model), options.fixed_scale, options.ensemble)


def static_threshold(options: NetworkOptions, asked: float | str | None) -> float | None:
    """Largest difference of parts that are not computed; None: the whole picture is.

    asked: as of `open_session`. It pays on CPUs; elsewhere, comparing frames may cost more than it
    saves: no GPU has measured it.
    """
    if asked is not None:
        return None if isinstance(asked, str) else asked
    graph = options.model is not None and is_graph(options.model)
    fits = not graph and not options.trt
    return 0.0 if fits and select.on_cpu(options.runner, options.hardware) else None


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
    static: float | str | None = "off",
    lasting: bool = False,
) -> Session:
    """A session for what has been checked; here files are looked for, fetched and opened.

    half: for precision=None; needs: arguments, with what the session must tell for them (see
    `Session.tells`); static: largest difference of parts that are not computed, "off" to compute
    all, None for 0 where that is known to pay; lasting: it goes on, with less, when memory runs
    out; the rest as in `Settings`. A session that tells `BESIDE` is to be given frames with those
    beside them. BackendError, ModelError as these come.
    """
    scale, hardwares = options.fixed_scale, options.hardwares
    # before files are looked for: to fetch weights takes longer than to find that nothing runs them
    opened, threshold = _chosen(options, static, note)
    settings = Settings(
        weights=find_weights(options.model, auto_download=options.auto_download),
        model=DEFAULT_MODEL if options.model is None else model_name(options.model),
        scale=scale,
        ensemble=options.ensemble,
        half=half if options.precision is None else options.precision != "fp32",
        clamp=clamp,
        width=width,
        height=height,
        hardware=hardwares[0],
        graph=options.model is not None and is_graph(options.model),
        precision=options.precision,
        note=note,
        sample=sample,
    )
    wishes = Wishes(options.scale == AUTO, options.tta, threshold, lasting)
    session = open_on(opened, settings, hardwares, wishes)
    if BESIDE in session.tells:
        three_frames.check(options.tta, options.scale)
    if wishes.auto_scale:
        needs = {**needs, f'scale="{AUTO}"': "motion"}
    for argument, need in needs.items():
        if need not in session.tells:
            raise _untold(argument, options, session)
    return session


def _chosen(
    options: NetworkOptions, static: float | str | None, note: Note
) -> tuple[Callable[[Settings], Session], float | None]:
    """What opens a session of the chosen backend, and `static_threshold`."""
    name, hardware = options.runner, options.hardware
    graph = options.model is not None and is_graph(options.model)
    threshold = static_threshold(options, static)
    runner = open_backend(name, hardware, graph=graph, note=note)
    if not options.trt and options.provider is None:
        return runner.open_session, threshold

    def opened(settings: Settings) -> Session:
        return vsrife_trt.open_session(
            runner, settings, options.engines, trt=options.trt, backend=options.backend
        )

    return opened, threshold


def _untold(argument: str, options: NetworkOptions, session: Session) -> ArgumentError:
    """For an argument that needs what the session does not tell."""
    who, way_out = f"backend={options.backend!r}", "another backend"
    if BESIDE in session.tells:
        who, way_out = "a network of three frames", "another model"
    elif options.model is not None and is_graph(options.model):
        who, way_out = "this ONNX file", "weights as model="
    return ArgumentError(
        f"{argument} needs what {who} does not give; leave it out, or give {way_out}"
    )
