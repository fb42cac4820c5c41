"""Networks as ONNX graphs, from a row and its weights as arrays. Needs numpy and onnx.

Entry point for graphs of every row; `vsrife.network.build` is the one for PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import ModelProto

from vsrife.errors import ArgumentError
from vsrife.network import any_row, encoder
from vsrife.network.ifnet import Refined, Watcher, blend, refine
from vsrife.network.operations.onnx.onnx_operations import OnnxOperations
from vsrife.network.operations.onnx.onnx_warps import Grid
from vsrife.network.operations.onnx.onnx_writer import Array, Dim, Writer
from vsrife.network.options import GraphOptions, check
from vsrife.network.outcome import confidence, motion
from vsrife.network.own import triple
from vsrife.network.own.mobile_row import MobileRow
from vsrife.network.own.pyramid_graphs import separate_pictures, sides_of, write_refined
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.state_dict import check_state
from vsrife.network.table import CADENCE_CELL, Arch, Row

State = Mapping[str, Array]
Crop = Callable[[str], str]


def build_flow(
    state: State, arch: Row, options: GraphOptions, metadata: Mapping[str, str] = {}
) -> ModelProto:
    """The part of a network that reads both frames.

    state: weights, from `weights.read_arrays`; metadata: texts stored in the model.
    Inputs, fp32: `left` and `right` (1, 3 + encoder.out, H, W), output of the encoder, or clamped
    pictures without one; `timestep` (1, 1, 1, 1), with timestep_map (1, 1, H, W); with separate:
    `left_picture` and `right_picture` (1, planes, H, W), any range.
    Outputs, fp32: `image` (1, planes, H, W); `confidence` (1,) in 0..1; with motion: `motion`
    (1, 1, H / 8, W / 8), pixels; for rows that rescale, unless doubled: `largest` (1, 2), pixels,
    the maximum of block 1's own flow into the left and the right frame. If both exceed
    `RESCALE_LIMIT`, run the doubled graph instead, on sides padded to twice the multiple.
    Networks of three frames have inputs of their own, see `_triple_flow`.
    ArgumentError for options that the row lacks, ModelError for weights of another network.
    """
    check(arch, options)
    check_state(state, arch)
    w, sides = Writer(half=options.half), sides_of(options)
    if not isinstance(arch, Arch):
        return _whole_flow(w, state, arch, options, metadata)
    if triple.reads_three(arch):
        return _triple_flow(w, state, arch, options, metadata)
    deep = 3 + (arch.encoder.out if arch.encoder else 0)
    left, right = (w.input(name, [1, deep, *sides]) for name in ("left", "right"))
    t, pictures = _timestep(w, options), separate_pictures(w, options)
    pair = w.op("Concat", left, right, axis=0)
    ops = OnnxOperations(w, options.size, left, shortcuts=options.shortcuts)
    _give(w, options, _write_flow(ops, state, arch, options, pair, t, pictures))
    return w.model(metadata)


def build_refine(state: State, arch: PyramidRow, options: GraphOptions) -> ModelProto:
    """The stage of a pyramid that reads the timestep; its outputs are those of `build_flow`.

    Inputs: `timestep` as of `build_flow`, and those of `pyramid_graphs.write_refined`.
    """
    check(arch, options)
    check_state(state, arch)
    w = Writer(half=options.half)
    t = _timestep(w, options)
    ops, refined = write_refined(w, state, arch, options, t)
    _give(w, options, _outcome(ops, options, refined, t))
    return w.model({})


def _whole_flow(
    w: Writer,
    state: State,
    arch: PyramidRow | MobileRow,
    options: GraphOptions,
    metadata: Mapping[str, str],
) -> ModelProto:
    """`build_flow` for our own networks: all their stages, from clamped pictures."""
    sides = sides_of(options)
    left, right = (w.input(name, [1, 3, *sides]) for name in ("left", "right"))
    t, pictures = _timestep(w, options), separate_pictures(w, options)
    ops = OnnxOperations(w, options.size, left, shortcuts=options.shortcuts)
    weights = _arrays(state)
    refined = any_row.refine(ops, weights, arch, options, left, right, t, pictures or None)
    _give(w, options, _outcome(ops, options, refined, t))
    return w.model(metadata)


def _triple_flow(
    w: Writer, state: State, arch: Arch, options: GraphOptions, metadata: Mapping[str, str]
) -> ModelProto:
    """`build_flow` for a network of three frames, encodings included.

    Inputs: `previous`, `middle` and `next` (1, 3, H, W), any range, at times 0, 1 and 2; `timestep`
    (1, 1, 1, 1): 0.5 to 1 for a frame between the first two, 1 to 1.5 for one between the others;
    with separate, `middle_picture` and `outer_picture`, of the two frames around the new one.
    """
    if options.timestep_map or options.motion:
        raise ArgumentError(
            "timestep_map and motion are for networks of two frames; leave them out"
        )
    frames = [w.input(name, [1, 3, *sides_of(options)]) for name in triple.FRAMES]
    t = _timestep(w, options)
    pictures = separate_pictures(w, options, triple.PICTURES)
    ops, weights = OnnxOperations(w, options.size, frames[0]), _arrays(state)
    seen = [triple.prepare(ops, weights, arch, options.scale, frame) for frame in frames]
    earlier = w.op("Less", t, w.constant(1.0))
    sides = zip(seen[triple.PREVIOUS], seen[triple.NEXT], strict=True)
    outer = triple.Features(*(w.op("Where", earlier, *pair) for pair in sides))
    found = triple.refine(ops, weights, arch, options.scale, seen, outer, t, pictures or None)
    apart = ops.absolute(ops.add(t, -1.0))  # from the middle to the outer frame, as the flow is
    _give(w, options, _outcome(ops, options, found, apart))
    return w.model(metadata)


def _timestep(w: Writer, options: GraphOptions) -> str:
    return w.input("timestep", [1, 1, *(sides_of(options) if options.timestep_map else [1, 1])])


def _give(w: Writer, options: GraphOptions, found: Sequence[str]) -> None:
    """Make image, confidence, motion and largest, where there are any, the outputs."""
    sides = sides_of(options)
    cells: list[Dim] = [
        side // CADENCE_CELL if isinstance(side, int) else f"{side}_cells" for side in sides
    ]
    shapes: list[list[Dim]] = [[1, options.planes, *sides], [1], [1, 1, *cells], [1, 2]]
    given = ("image", "confidence", "motion", "largest")
    for name, tensor, shape in zip(given, found, shapes, strict=True):
        if tensor:
            w.output(name, tensor, shape)


def build_encoder(
    state: State, arch: Row, options: GraphOptions, metadata: Mapping[str, str] = {}
) -> ModelProto:
    """The part of a network that reads one frame, for rows with an encoder.

    Input `image` (1, 3, H, W), any range; output `features` (1, 3 + encoder.out, H, W): the image
    clamped to 0..1 and its encoding. options: size, scale (for the multiples) and half are used.
    ArgumentError for a row without an encoder, ModelError for weights of another network.
    """
    check(arch, options)
    check_state(state, arch)
    if not isinstance(arch, Arch) or arch.encoder is None or triple.reads_three(arch):
        raise ArgumentError("this network has no encoder of its own; its flow graph reads pictures")
    w, sides = Writer(half=options.half), sides_of(options)
    image = w.input("image", [1, 3, *sides])
    ops = OnnxOperations(w, options.size, image)
    features = encoder.prepare(ops, _arrays(state), arch, image)
    w.output("features", features, [1, 3 + arch.encoder.out, *sides])
    return w.model(metadata)


def write_image(
    w: Writer,
    state: State,
    arch: Row,
    options: GraphOptions,
    like: str,
    images: str,
    timestep: str,
    grid: Grid | None = None,
    crops: tuple[Crop, Crop] = (lambda x: x, lambda x: x),
) -> str:
    """A whole network, for foreign layouts: images (2, 3, H, W) -> (1, 3, H, W).

    like: a tensor of the frames' size; grid: of the frames, if one exists already; crops: functions
    that crop the warped pictures, and the mask.
    """
    triple.check_reads_two(arch)
    ops = OnnxOperations(w, options.size, like, grid=grid)
    weights = _arrays(state)
    if not isinstance(arch, Arch):
        found = any_row.refine(ops, weights, arch, options, *ops.unstack(images), timestep)
        found = found._replace(mask=crops[1](found.mask), warped=crops[0](found.warped))
        return blend(ops, found)[0]
    pair = encoder.prepare(ops, weights, arch, images)
    found = refine(ops, weights, arch, options, pair, timestep)
    found = found._replace(mask=crops[1](found.mask), warped=crops[0](found.warped))
    return blend(ops, found)[0]


def _write_flow(
    ops: OnnxOperations,
    state: State,
    arch: Arch,
    options: GraphOptions,
    pair: str,
    timestep: str,
    pictures: str,
) -> tuple[str, str, str, str]:
    """Names of image, confidence, motion and largest; the last two are "" if absent."""
    own: list[str] = []
    watcher = Watcher[str](own=own.append) if arch.rescales and not options.doubled else None
    found = refine(ops, _arrays(state), arch, options, pair, timestep, pictures or None, watcher)
    image, doubt, moved, _ = _outcome(ops, options, found, timestep)
    return image, doubt, moved, ops.largest(own[0]) if own else ""


def _outcome(
    ops: OnnxOperations, options: GraphOptions, found: Refined[str, str], timestep: str
) -> tuple[str, str, str, str]:
    """The same without the last."""
    image, difference = blend(ops, found)
    with ops.scope("confidence"):
        three = ops.first(difference, 3) if options.planes > 3 else difference
        doubt = confidence(ops, options, three, found.flow, timestep)
    moved = ""
    if options.motion:
        with ops.scope("motion"):
            moved = motion(ops, found.flow)
    return image, doubt, moved, ""


def _arrays(state: State) -> dict[str, Array]:
    return {key: np.asarray(value, np.float32) for key, value in state.items()}
