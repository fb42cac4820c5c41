"""The pyramid network as ONNX graphs: one for each stage, or the whole network in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import ModelProto

from vsrife.network.ifnet import Refined
from vsrife.network.operations.onnx.onnx_operations import OnnxOperations
from vsrife.network.operations.onnx.onnx_writer import Array, Dim, Writer
from vsrife.network.options import GraphOptions, check
from vsrife.network.own import pyramid
from vsrife.network.own.pyramid import Features
from vsrife.network.own.pyramid_row import LEVELS, STATE, PyramidRow
from vsrife.network.state_dict import check_state

State = Mapping[str, Array]
# What `write_refined` reads of each frame at the most, see `refined_by`
REFINED = ("view4", "image", "bends")
MATCHED = tuple(name for name in Features._fields if name not in ("image", "bends"))


def build_prepare(state: State, row: PyramidRow, options: GraphOptions) -> ModelProto:
    """Input `image` (1, 3, H, W), any range; outputs `features.NAME` for `pyramid.Features`."""
    check(row, options)
    check_state(state, row)
    w = Writer(half=options.half)
    image = w.input("image", [1, 3, *sides_of(options)])
    ops = OnnxOperations(w, options.size, image)
    found = pyramid.prepare(ops, _arrays(state), row, options.scale, image)
    for name, value in found._asdict().items():
        w.output(f"features.{name}", value, _shape(row, options, name))
    return w.model({})


def build_match(state: State, row: PyramidRow, options: GraphOptions) -> ModelProto:
    """Inputs `left.NAME` and `right.NAME` for each of MATCHED; output `state`, of `pyramid.match`.

    All options but size, scale and half leave it unchanged.
    """
    check(row, options)
    check_state(state, row)
    w = Writer(half=options.half)
    left, right = (_features(w, row, options, side, MATCHED) for side in ("left", "right"))
    ops = OnnxOperations(w, options.size, left.view4)
    found = pyramid.match(ops, _arrays(state), row, options.scale, left, right)
    w.output("state", found, _plane(options, STATE, LEVELS[-1], "quarter"))
    return w.model({})


def write_refined(
    w: Writer, state: State, row: PyramidRow, options: GraphOptions, timestep: str
) -> tuple[OnnxOperations, Refined[str, str]]:
    """The last stage, with inputs `left.NAME` and `right.NAME` for each of `refined_by`, and
    `state`.

    With options.separate, the pictures `left_picture` and `right_picture` (1, planes, H, W) are put
    together instead of images.
    """
    names = refined_by(options)
    left, right = (_features(w, row, options, side, names) for side in ("left", "right"))
    matched = w.input("state", _plane(options, STATE, LEVELS[-1], "quarter"))
    views, bends = (left.view4, right.view4), None
    pictures = separate_pictures(w, options)
    ops = OnnxOperations(w, options.size, pictures or left.image)
    if not pictures:
        pictures, bends = ops.stack(left.image, right.image), ops.stack(left.bends, right.bends)
    return ops, pyramid.refine(
        ops, _arrays(state), row, options, views, matched, timestep, pictures, bends
    )


def refined_by(options: GraphOptions) -> tuple[str, ...]:
    """What `write_refined` reads of each frame. Runtimes refuse inputs that nothing reads."""
    return ("view4",) if options.separate else REFINED


def separate_pictures(
    w: Writer, options: GraphOptions, names: Sequence[str] = ("left_picture", "right_picture")
) -> str:
    """Pictures that are inputs of their own, joined; "" without them."""
    if not options.separate:
        return ""
    both = [w.input(name, [1, options.planes, *sides_of(options)]) for name in names]
    return w.op("Concat", *both, axis=0)


def sides_of(options: GraphOptions) -> list[Dim]:
    """Height and width of the frames."""
    return ["height", "width"] if options.size is None else list(options.size[::-1])


def _features(
    w: Writer, row: PyramidRow, options: GraphOptions, side: str, names: Sequence[str]
) -> Features[str]:
    """Inputs of a frame; those that are not among `names` are "", and are not read."""
    inputs = dict.fromkeys(Features._fields, "")
    inputs |= {name: w.input(f"{side}.{name}", _shape(row, options, name)) for name in names}
    return Features(**inputs)


def _shape(row: PyramidRow, options: GraphOptions, name: str) -> list[Dim]:
    if name in ("image", "bends"):
        return [1, 3 if name == "image" else 2, *sides_of(options)]
    channels = {
        "coarse": row.features[4],
        "key8": row.keys[0],
        "key16": row.keys[1],
        "key32": row.keys[2],
        "view4": row.views[0],
        "view8": row.views[1],
        "view16": row.views[2],
    }[name]
    cell = 32 if name == "coarse" else int(name.removeprefix("view").removeprefix("key"))
    return _plane(options, channels, cell, f"of_{cell}")


def _plane(options: GraphOptions, channels: int, cell: int, word: str) -> list[Dim]:
    """Of features with one cell per `cell` pixels of the frame as it is seen."""
    if options.size is None:
        return [1, channels, f"height_{word}", f"width_{word}"]
    height, width = (int(side * options.scale) // cell for side in options.size[::-1])
    return [1, channels, height, width]


def _arrays(state: State) -> dict[str, Array]:
    return {key: np.asarray(value, np.float32) for key, value in state.items()}
