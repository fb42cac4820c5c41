"""The file of an export to TFLite. Needs ai-edge-litert, which carries the format's schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod

import numpy as np

from vsrife.errors import ArgumentError
from vsrife.messages import note
from vsrife.network import any_row
from vsrife.network.files.targets import FileOptions
from vsrife.network.ifnet import blend
from vsrife.network.operations.tflite.tflite_operations import TfliteOperations
from vsrife.network.operations.tflite.tflite_schema import file_of
from vsrife.network.operations.tflite.tflite_warp import Pair
from vsrife.network.operations.tflite.tflite_writer import Array, Node, Tensor, Writer
from vsrife.network.options import RunOptions
from vsrife.network.own import mobile
from vsrife.network.own.mobile_row import MobileRow
from vsrife.network.sizes import padded_size
from vsrife.network.table import Arch, Row, check_options, state_shapes

# "GPU ML operations support" on tensorflow.org/lite/performance/gpu, read in November 2026. In 16-
# and 32-bit precision; without those that no network of ours could use
PUBLISHED = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXP",
    "FULLY_CONNECTED", "LOGISTIC", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "MUL", "PAD", "PRELU",
    "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX", "STRIDED_SLICE", "SUB",
    "TRANSPOSE_CONV",
})  # fmt: skip  # a list of words

# What newer delegates take besides, by tflite/tools/versioning/gpu_compatibility.cc of
# google-ai-edge/LiteRT at 007226f: GATHER with a list of int32 places, reductions over constant
# axes, and DEQUANTIZE of constants
NEWER = frozenset({
    "ABS", "CAST", "DEQUANTIZE", "DIV", "FLOOR", "GATHER", "LEAKY_RELU", "MEAN", "REDUCE_MAX",
    "SQRT", "SUM",
})  # fmt: skip  # a list of words

_MOST_NUMBERS = 2**31 - 1  # of a tensor: runtimes count them in 32 bits


def build(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> dict[str, bytes]:
    """See `targets`. All tensors are fp32, (N, H, W, C); W and H are options.size.

    Inputs `left` and `right` (1, H, W, 3), in 0..1, and `timestep` (1, 1, 1, 1).
    Output `image` (1, H, W, 3); with flow_only instead `flow` (1, H / 2, W / 2, 4), pixels at full
    size, channels 0-1 from timestep into left, 2-3 into right, x before y, and `mask`
    (1, H / 2, W / 2, 1), the left frame's share in 0..1. docs/guide/tflite.md says how to warp.
    """
    w = write(state, arch, options, facts)
    if options.flow_only:
        _tell_of_gpus(w, arch)
    more = {"flow_only": str(options.flow_only).lower(), "blocks": str(options.blocks or "all")}
    return {".tflite": file_of(w, {**facts, **more})}


def write(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> Writer:
    """The graph of `build`."""
    model = facts.get("model", "this model")
    arch = _first_blocks(arch, options.blocks)
    check_options(None, options.scale, options.ensemble)
    if options.ensemble and not arch.ensemble:
        raise ArgumentError(f"ensemble is not supported by the network of {model}; leave it out")
    size = checked_size(options.size, arch.pad_unit(options.scale))
    if arch.rescales:
        note(f"{model} keeps its scales in a TFLite file, however large the motion is")
    w = Writer(options.precision)
    sides = size[1], size[0]
    left, right = (w.input(name, (1, *sides, 3)) for name in ("left", "right"))
    timestep = w.input("timestep", (1, 1, 1, 1))
    ops = TfliteOperations(w, size)
    arrays = {key: np.asarray(state[key], np.float32) for key in state_shapes(arch)}
    run = RunOptions(options.scale, options.ensemble)
    if options.flow_only:
        flow, mask = _estimated(ops, arrays, arch, run, (left, right), timestep)
        w.output("flow", flow)
        w.output("mask", ops.sigmoid(mask))
    else:
        refined = any_row.refine(ops, arrays, arch, run, left, right, timestep)
        w.output("image", blend(ops, refined)[0])
    _check_tensors(w, size)
    return w


def unlisted(nodes: Iterable[Node], listed: frozenset[str] = PUBLISHED) -> dict[str, int]:
    """How many nodes of each kind are not on a list; weights in fewer bits do not count.

    DEQUANTIZE of a constant is no operation of the network: delegates unpack weights as they load.
    """
    kinds = (node.kind for node in nodes if node.kind != "DEQUANTIZE")
    return dict(sorted(Counter(kind for kind in kinds if kind not in listed).items()))


def checked_size(size: tuple[int, int] | None, unit: int) -> tuple[int, int]:
    """The same; ArgumentError unless there is one, of multiples of `unit`."""
    if size is None:
        raise ArgumentError(
            "size must be given, since a TFLite file takes frames of one size; "
            f"for 1920x1080 say {'x'.join(map(str, padded_size((1920, 1080), unit)))}"
        )
    up = padded_size(size, unit)
    if up != size:
        raise ArgumentError(
            f"size must be multiples of {unit} for this model, not {size[0]}x{size[1]}; "
            f"say {up[0]}x{up[1]}, and pad frames to that"
        )
    return size


def _first_blocks(arch: Row, count: int | None) -> Row:
    if count is None:
        return arch
    if not isinstance(arch, Arch):
        raise ArgumentError(
            "blocks is for models of RIFE v4; the parts of others do not stand alone, leave it out"
        )
    if type(count) is not int:
        raise ArgumentError(f"blocks must be a whole number, not {count!r}")
    return arch.first(count)


def _estimated(
    ops: TfliteOperations,
    weights: Mapping[str, Array],
    arch: Row,
    options: RunOptions,
    images: Pair,
    timestep: Tensor,
) -> tuple[Tensor, Tensor]:
    """Flow and mask (logit) at half the frame's size."""
    if isinstance(arch, MobileRow) and options.scale == 1:  # which is what it estimates
        left, right = (mobile.prepare(ops, weights, arch, 1, image) for image in images)
        return mobile.estimate(ops, weights, arch, options, left, right, timestep)
    refined = any_row.refine(ops, weights, arch, options, *images, timestep)
    return ops.resize(refined.flow, 0.5), ops.resize(refined.mask, 0.5)


def _check_tensors(w: Writer, size: tuple[int, int]) -> None:
    largest = max(prod(stored.shape) for stored in w.tensors)
    if largest > _MOST_NUMBERS:
        raise ArgumentError(
            f"size {size[0]}x{size[1]} is too large for a TFLite file: a tensor would have "
            f"{largest} numbers, at most {_MOST_NUMBERS} are allowed; choose a smaller one"
        )


def _tell_of_gpus(w: Writer, arch: Row) -> None:
    nodes = [node for node in w.nodes() if node.kind != "DEQUANTIZE"]  # done at the start, once
    others = unlisted(nodes)
    if not others:
        note(f"all {len(nodes)} operations are on the published list of TFLite's GPU delegate")
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in others.items())
    way_out = "; they warp between blocks, blocks 1 has none" if isinstance(arch, Arch) else ""
    note(
        f"{sum(others.values())} of {len(nodes)} operations are not on the published list of "
        f"TFLite's GPU delegate ({counts}){way_out}"
    )
