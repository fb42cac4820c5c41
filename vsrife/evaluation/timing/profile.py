"""What a network's time goes to, by stage and kind of operation, by the runtimes' own counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from vsrife.errors import ArgumentError
from vsrife.evaluation.timing.counters import STAGES, Call, Counts, of_onnx, of_openvino
from vsrife.evaluation.timing.speed import Frame
from vsrife.inference.base import Settings

OUTSIDE = "outside"  # stage of what no counter saw: copies, padding, Python

# Kinds by parts of the operations' names, in lower case; the first that fits counts
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("warp", ("gridsample", "grid_sample", "deformconv")),  # before "conv"
    ("join and split", ("broadcast",)),  # before "cast"
    ("convert", ("convert", "cast", "_to_copy")),  # before "conv"
    ("convolution", ("conv", "addmm", "matmul", "gemm")),
    ("resize", ("interpolate", "resize", "upsample", "pixel_shuffle", "depthtospace")),
    (
        "join and split",
        ("concat", "split", "slice", "gather", "pad", "aten::cat", "narrow", "select", "tile",
         "expand", "stack", "shapeof", "squeeze"),
    ),
    ("layout", ("reorder", "transpose", "permute", "reshape", "copy", "contiguous", "clone")),
    ("reduce", ("reduce", "softmax", "sum", "mean", "max", "pool", "norm")),
    (
        "elementwise",
        ("eltwise", "subgraph", "mul", "add", "sub", "div", "relu", "sigmoid", "clip", "clamp",
         "fusion", "where", "less", "greater", "abs", "sqrt", "min", "pow", "tanh", "lerp",
         "nan_to_num", "sign", "neg", "aten::le", "aten::ge", "fill", "exp"),
    ),
)  # fmt: skip  # lists of words


class Row(NamedTuple):
    """Time of one kind of operation in one call of a stage.

    seconds: of the call whose total is the median; share: of its stage, 0..1; operations: seconds
    by the names that the runtime has for them, the longest first.
    """

    stage: str
    kind: str
    seconds: float
    share: float
    operations: Mapping[str, float]


def kind_of(operation: str) -> str:
    """The kind of an operation, by the name that the runtime has for it."""
    name = operation.lower()
    return next((kind for kind, parts in _KINDS if any(part in name for part in parts)), "other")


def profile(backend: str, settings: Settings, frames: list[Frame], rounds: int) -> list[Row]:
    """Rows of each stage, the longest first; the last one is what no counter saw.

    frames: at least two, different ones, of the size in `settings`. ArgumentError for a backend
    without counters.
    """
    counts = _counter(backend)(settings, frames, rounds)
    rows = [
        row
        for stage in STAGES
        if stage in counts.calls
        for row in _rows(stage, counts.calls[stage])
    ]
    return [*rows, Row(OUTSIDE, OUTSIDE, counts.outside, 1.0, {})]


def _counter(backend: str) -> Callable[[Settings, list[Frame], int], Counts]:
    if backend == "pytorch":
        from vsrife.evaluation.timing.torch_counters import of_pytorch

        return of_pytorch
    known = {"openvino": of_openvino, "onnx": of_onnx}
    if backend not in known:
        raise ArgumentError(
            f"backends must be of pytorch, {', '.join(known)} with a profile, not {backend!r}; "
            "others have no counters"
        )
    return known[backend]


def _rows(stage: str, calls: list[Call]) -> list[Row]:
    found: dict[str, dict[str, float]] = {}
    for operation, spent in _median(calls):
        if spent > 0:  # what was folded away is listed with none
            kind = found.setdefault(kind_of(operation), defaultdict(float))
            kind[operation] += spent
    seconds = {kind: sum(names.values()) for kind, names in found.items()}
    whole = sum(seconds.values())
    return [
        Row(stage, kind, seconds[kind], seconds[kind] / whole, _longest_first(found[kind]))
        for kind in _longest_first(seconds)
    ]


def _longest_first(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda each: -each[1]))


def _median(calls: list[Call]) -> Call:
    """The call whose total is the median, so that its parts add up."""
    return sorted(calls, key=lambda call: sum(spent.seconds for spent in call))[len(calls) // 2]
