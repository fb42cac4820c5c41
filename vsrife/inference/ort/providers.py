"""ONNX Runtime's execution providers: which to use, in which order, with which options.

Imports no ONNX Runtime: who calls passes its module. What starts a session is in `sessions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vsrife import messages
from vsrife.errors import ArgumentError, BackendError
from vsrife.inference.base import read_device

MIB = 1 << 20


@dataclass(frozen=True)
class Provider:
    """full_name: ONNX Runtime's; package: what brings it; index: its option for which of several
    devices; limit: its option for bytes of memory; fixed: options that are always given."""

    full_name: str
    package: str
    index: str = ""
    limit: str = ""
    fixed: Mapping[str, str] | None = None


_EXACTLY = {"arena_extend_strategy": "kSameAsRequested"}  # memory as it is needed, not doubled
_GPU = (
    "onnxruntime-gpu in place of onnxruntime: pip uninstall onnxruntime, then "
    'pip install ".[onnx-gpu]"'
)

# In the order in which they are chosen; TensorRT only when it is asked for, since it may build for
# minutes.
PROVIDERS: dict[str, Provider] = {
    "tensorrt": Provider(
        "TensorrtExecutionProvider",
        f'{_GPU} "tensorrt-cu13<11" (or -cu12, for an onnxruntime-gpu built with CUDA 12)',
        "device_id",
    ),
    "cuda": Provider("CUDAExecutionProvider", _GPU, "device_id", "gpu_mem_limit", _EXACTLY),
    "migraphx": Provider(
        "MIGraphXExecutionProvider",
        "AMD's onnxruntime-migraphx in place of onnxruntime",
        "device_id",
    ),
    "rocm": Provider(
        "ROCMExecutionProvider",
        "AMD's onnxruntime-rocm, up to 1.22, in place of onnxruntime",
        "device_id",
        "gpu_mem_limit",
        _EXACTLY,
    ),
    "directml": Provider(
        "DmlExecutionProvider",
        "onnxruntime-directml (Windows) in place of onnxruntime",
        "device_id",
    ),
    "coreml": Provider(
        "CoreMLExecutionProvider",
        'onnxruntime on macOS: pip install ".[onnx]"',
        fixed={"ModelFormat": "MLProgram"},  # the older format has no resizing by any factor
    ),
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "onnxruntime-openvino in place of onnxruntime; or use backend='openvino'",
        # its GPUs would else compute in fp16 whatever the graph says
        fixed={"precision": "ACCURACY"},
    ),
    "cpu": Provider("CPUExecutionProvider", 'pip install ".[onnx]"'),
}
AUTOMATIC = tuple(name for name in PROVIDERS if name != "tensorrt")
OPENVINO_DEVICES = ("cpu", "gpu", "npu")  # also gpu.1

# What `device=` means to this backend: the first of these that the build has
DEVICES = {
    "cuda": ("cuda",),
    "rocm": ("migraphx", "rocm"),
    "xpu": ("openvino:gpu", "directml"),
    "mps": ("coreml",),
    "cpu": ("cpu",),
}


@dataclass(frozen=True)
class Wanted:
    """What the user asked for, checked; what is installed is another question (`choose`).

    names: all of these, in this order; none: the first of `any_of` that there is. A name may say
    where: "cuda:1", "openvino:gpu". memory_limit: MiB of the device, None for no limit. device: the
    filter's argument, where that is what was given.
    """

    names: tuple[str, ...] = ()
    any_of: tuple[str, ...] = AUTOMATIC
    device_index: int = 0
    memory_limit: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Chosen:
    """Providers that the build has. plain: their names, as "cuda"; arguments: what a session takes
    for its `providers`; strict: falling back to the CPU is an error."""

    plain: tuple[str, ...]
    arguments: tuple[tuple[str, dict[str, str]], ...]
    strict: bool

    @property
    def memory(self) -> tuple[str, int]:
        """Where arrays of a session can stay between calls, as an OrtValue takes it."""
        options = self.arguments[0][1]
        # of the others, nobody has tried what Python can hold on their devices
        resident = self.plain[0] in ("tensorrt", "cuda")
        return ("cuda", int(options["device_id"])) if resident else ("cpu", 0)


def wanted(
    provider: object,
    *,
    device: str | None = None,
    device_index: int = 0,
    memory_limit: object = None,
    trt: bool = False,
) -> Wanted:
    """Check `provider`: None, a name, or names with commas between; ArgumentError for others.

    device: what the filter's argument says, for who gives no provider; trt: vs-rife's argument.
    """
    limit = _limit(memory_limit)
    if provider is not None and device is not None:
        raise ArgumentError(
            f"provider={provider!r} and device={device!r} exclude each other: a provider is for "
            'one kind of device, "cuda:1" for one of them; leave device out'
        )
    if provider is None and device is not None:
        hint = "; provider= chooses among ONNX Runtime's own"
        asked = read_device(device, DEVICES, " with backend='onnx'", hint)
        index = device_index if asked.number is None else asked.number
        return Wanted((), DEVICES[asked.kind], index, limit, device)
    if provider is None:
        return Wanted(("tensorrt",) if trt else (), AUTOMATIC, device_index, limit)
    if not isinstance(provider, str) or not provider.strip():
        raise ArgumentError(f"provider must be {_names()}, not {provider!r}")
    names = tuple(_checked(name.strip()) for name in provider.split(","))
    plain = [name.partition(":")[0] for name in names]
    if len(set(plain)) != len(plain):
        raise ArgumentError(f"provider must name each one once, not {provider!r}")
    if "cpu" in plain[:-1]:
        raise ArgumentError(
            f"provider 'cpu' takes all that is left, so it is the last of them, not {provider!r}"
        )
    if trt and plain[0] != "tensorrt":
        raise ArgumentError(
            f"trt=True asks for TensorRT, and provider={provider!r} does not; leave one of them out"
        )
    return Wanted(names, (), device_index, limit)


def offered(ort: Any) -> tuple[str, ...]:
    """What the installed ONNX Runtime was built with, by plain name, in the order of choice.

    Whether the machine has what they need is known only when a session is started.
    """
    there = [str(name) for name in ort.get_available_providers()]
    known = [name for name, row in PROVIDERS.items() if row.full_name in there]
    full_names = {row.full_name for row in PROVIDERS.values()}
    # Azure's runs nothing here
    others = [n for n in there if n not in full_names and n != "AzureExecutionProvider"]
    return (*known, *others)


def choose(
    ort: Any, asked: Wanted, threads: int | None = None, note: Callable[[str], None] = messages.say
) -> Chosen:
    """The providers for a session, with their options; BackendError for one that is not there.

    Where the CPU is allowed, one that is not there is left out, and `note` hears of it. threads: of
    the CPU, None for as many as it has.
    """
    there = offered(ort)
    if asked.names:
        absent = [name for name in asked.names if name.partition(":")[0] not in there]
        names = tuple(name for name in asked.names if name not in absent)
        for name in absent:
            if names[-1:] != ("cpu",):
                raise missing(name, there)
            note(f"{missing(name, there)}; left out")
    else:
        first = next((n for n in asked.any_of if n.partition(":")[0] in there), None)
        if first is None:
            raise missing(asked.any_of[0], there, asked.device)
        names = (first,)
    plain = tuple(name.partition(":")[0] for name in names)
    arguments = [_argument(name, asked, threads) for name in names]
    if "tensorrt" in plain and "cuda" not in plain and "cuda" in there:
        # for what TensorRT has no layer for; still the same GPU
        where = arguments[plain.index("tensorrt")][1]["device_id"]
        arguments.insert(plain.index("tensorrt") + 1, _argument(f"cuda:{where}", asked, threads))
    if asked.memory_limit is not None and not any(row_of(name).limit for name in plain):
        able = " and ".join(name for name, row in PROVIDERS.items() if row.limit)
        raise ArgumentError(
            f"memory_limit is for the providers {able}, not for {plain[0]}; leave it out"
        )
    return Chosen(plain, tuple(arguments), "cpu" not in plain)


def missing(name: str, there: tuple[str, ...], device: str | None = None) -> BackendError:
    """The error for a provider that the installed ONNX Runtime was not built with.

    device: what was asked for, where it was no provider.
    """
    row = row_of(name.partition(":")[0])
    asked = "" if device is None else f"device={device!r} cannot be had: "
    return BackendError(
        f"{asked}provider {name!r} is not in the installed ONNX Runtime, which has "
        f"{', '.join(there)}; it comes with {row.package}"
    )


def row_of(plain: str) -> Provider:
    """The row of a plain name; of one that only ONNX Runtime knows, one without options."""
    return PROVIDERS.get(plain, Provider(plain, "a build of ONNX Runtime that has it"))


def _limit(limit: object) -> int | None:
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ArgumentError(f"memory_limit must be a whole number of MiB, not {limit!r}")
    return limit


def _names() -> str:
    return (
        f'one of {", ".join(PROVIDERS)}, also with a number as "cuda:1", or several as "cuda,cpu"'
    )


def _checked(name: str) -> str:
    if re.fullmatch(r"\w+ExecutionProvider", name):
        full = {row.full_name: plain for plain, row in PROVIDERS.items()}
        return full.get(name, name)
    plain, colon, where = name.lower().partition(":")
    row = PROVIDERS.get(plain)
    if row is None:
        raise ArgumentError(f"provider must be {_names()}, not {name!r}")
    if plain == "openvino" and colon and where.partition(".")[0] not in OPENVINO_DEVICES:
        raise ArgumentError(
            f"provider {name!r} names no device of OpenVINO's: {', '.join(OPENVINO_DEVICES)}"
        )
    if plain != "openvino" and colon and not (row.index and where.isdecimal()):
        raise ArgumentError(f"provider must be {_names()}, not {name!r}")
    return plain + colon + where


def _argument(name: str, asked: Wanted, threads: int | None) -> tuple[str, dict[str, str]]:
    plain, _, where = name.partition(":")
    row = row_of(plain)
    options = dict(row.fixed or {})
    if row.index:
        options[row.index] = where or str(asked.device_index)
    if row.limit and asked.memory_limit is not None:
        options[row.limit] = str(asked.memory_limit * MIB)
    if plain == "openvino":
        options["device_type"] = (where or "cpu").upper()
        if threads is not None:
            options["num_of_threads"] = str(threads)
    return row.full_name, options
