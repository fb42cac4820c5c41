"""The targets of an export, one row each, and their options. Importing this loads no framework.

A new target is a row of `TARGETS` and a module with `build`:

    build(state, arch, options, facts) -> {name: content}

state: weights as fp32 arrays by key, of exactly this row; arch: the row; options: `FileOptions`,
checked as far as `check` below can; facts: texts about the file, for formats that can hold them.
name: what follows the stem of the output (".onnx", ".encode.onnx"), or the name of a file in the
folder. The first one is the main file. ArgumentError if this row or these options cannot be
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from vsrife.checks import Flag
from vsrife.errors import ArgumentError, needing
from vsrife.network.table import Row

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic[Any]]

# Graphs beside the main one: what a file says of its `part`, and what its name has before .onnx
PARTS = {"encoder": ".encode", "doubled": ".doubled"}
LARGEST = 16384  # pixels of a side
PRECISIONS = ("fp32", "fp16")  # of most targets
WORDS = {
    "layout": ("own", "v1", "v2"),
    "warp": ("rife", "gridsample"),
}


@dataclass(frozen=True)
class FileOptions:
    """How to write a file. Each target takes some of these; see `Target.takes`.

    scale, ensemble: as of `rife`; precision: of the convolutions; size: width and height, pixels,
    None for any; layout: of an ONNX file; warp: the layer that warps in an ncnn network;
    flow_only: a network that gives flow and mask, for programs that warp by themselves; path: of
    the output, off which some programs read how to run it, "" if that does not matter; blocks: only
    the first ones of the network, None for all; fold: residual gains become part of an ncnn
    network's convolutions.
    """

    scale: float = 1.0
    ensemble: bool = False
    precision: str = "fp32"
    size: tuple[int, int] | None = None
    layout: str = "own"
    warp: str = "rife"
    flow_only: bool = False
    path: str = ""
    blocks: int | None = None
    fold: bool = False


class Target(NamedTuple):
    """A row.

    module: has `build`; suffix: of the output's name, "" for a folder; precisions: allowed ones,
    the default first; takes: the options besides scale and precision; extra: installs what `build`
    needs, "" for nothing but numpy.
    """

    module: str
    suffix: str
    precisions: tuple[str, ...] = PRECISIONS
    takes: tuple[str, ...] = ("ensemble",)
    extra: str = ""


class Build(Protocol):
    """See this module's docstring."""

    def __call__(
        self,
        state: Mapping[str, Array],
        arch: Row,
        options: FileOptions,
        facts: Mapping[str, str],
    ) -> dict[str, bytes]: ...


TARGETS: dict[str, Target] = {
    "onnx": Target(
        "vsrife.network.files.onnx_files",
        ".onnx",
        takes=("ensemble", "size", "layout"),
        extra="onnx",
    ),
    "openvino": Target(
        # not in this folder: the module says why
        "vsrife.inference.backends.openvino_files",
        ".xml",
        takes=("ensemble", "size", "layout"),
        extra="openvino",
    ),
    "ncnn": Target("vsrife.network.files.ncnn_files", "", takes=("ensemble", "warp", "fold")),
    "tflite": Target(
        "vsrife.network.files.tflite_files",
        ".tflite",
        precisions=("fp32", "fp16", "int8"),
        takes=("ensemble", "size", "flow_only", "blocks"),
        extra="tflite",
    ),
}


def target_of(name: object) -> Target:
    """The row; ArgumentError if there is none."""
    if not isinstance(name, str) or name not in TARGETS:
        raise ArgumentError(f"target must be one of {', '.join(TARGETS)}, not {name!r}")
    return TARGETS[name]


def check(name: str, options: FileOptions) -> None:
    """ArgumentError for values that no target takes, or that this one does not."""
    target = target_of(name)
    for option, allowed in {**WORDS, "precision": target.precisions}.items():
        value = getattr(options, option)
        if value not in allowed:
            way_out = _elsewhere(value) if option == "precision" else ""
            raise ArgumentError(
                f"{option} must be one of {', '.join(allowed)}, not {value!r}{way_out}"
            )
    _check_size(options.size)
    for field in fields(FileOptions):
        if isinstance(field.default, bool):  # "no" is true in Python
            Flag().read(field.name, getattr(options, field.name))
        if field.name in ("scale", "precision", "path", *target.takes):
            continue
        if getattr(options, field.name) != field.default:
            others = [each for each, row in TARGETS.items() if field.name in row.takes]
            raise ArgumentError(
                f"{field.name} is for target {' and '.join(others)}, not {name}; leave it out"
            )


def _elsewhere(precision: object) -> str:
    """The end of a message about a precision that the target lacks: what has it."""
    others = [name for name, row in TARGETS.items() if precision in row.precisions]
    if not others:
        return ""
    quantized = ", and `vsrife quantize` writes ONNX in INT8" if precision == "int8" else ""
    return f"; target {' and '.join(others)} has it{quantized}"


def builder(name: str) -> Build:
    """`build` of a target; BackendError if a package is missing."""
    target = target_of(name)
    with needing(f"target {name}", target.extra):
        return cast("Build", import_module(target.module).build)


def _check_size(size: object) -> None:
    if size is None:
        return
    sides = list(size) if isinstance(size, Sequence) else []
    if len(sides) != 2 or not all(type(s) is int and 1 <= s <= LARGEST for s in sides):
        raise ArgumentError(
            f"size must be width and height, 1 to {LARGEST} pixels, not {size!r}; "
            "leave it out for a graph of any size"
        )
