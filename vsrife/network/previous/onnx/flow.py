"""The part of a network that sees both pictures, as a graph."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto

from vsrife.network.operations.onnx_writer import Array, Dim, Writer
from vsrife.network.options import GraphOptions, check
from vsrife.network.previous.onnx.outcome import blend, confidence, largest, motion
from vsrife.network.previous.onnx.refinement import Refinement
from vsrife.network.state_dict import check_state
from vsrife.network.table import PACE_CELL, Arch


def build_flow(
    state: Mapping[str, Array], arch: Arch, options: GraphOptions, metadata: Mapping[str, str] = {}
) -> ModelProto:
    """What `IFNet.interpolate` does.

    state: weights as `store.read_arrays` gives them; metadata: texts that the model carries.
    Inputs, fp32: `left` and `right` (1, 3 + encoder.out, H, W) as the encoder gives them, clamped
    pictures where there is none; `timestep` (1, 1, 1, 1), paced (1, 1, H, W); separate:
    `left_picture` and `right_picture` (1, planes, H, W), any range.
    Outputs, fp32: `image` (1, planes, H, W); `confidence` (1,) in 0..1; motion: `motion`
    (1, 1, H / 8, W / 8), pixels; rows that rescale, unless doubled: `largest` (1, 2), pixels, of
    block 1's own flow to the left and to the right: if both pass `RESCALE_LIMIT`, the doubled graph
    must run instead, on sides padded to twice the multiple.
    ArgumentError for options that the row does not have, ModelError for another's weights.
    """
    check(arch, options)
    check_state(state, arch)
    w = Writer(half=options.half)
    sides: list[Dim] = ["height", "width"] if options.size is None else list(options.size[::-1])
    deep = 3 + (arch.encoder.out if arch.encoder else 0)
    left, right = (w.input(name, [1, deep, *sides]) for name in ("left", "right"))
    t = w.input("timestep", [1, 1, *(sides if options.paced else [1, 1])])
    pictures = ""
    if options.separate:
        names = ("left_picture", "right_picture")
        both = [w.input(name, [1, options.planes, *sides]) for name in names]
        pictures = w.op("Concat", *both, axis=0)
    pair = w.op("Concat", left, right, axis=0)
    result = Refinement(w, state, arch, options, left).write(pair, t, pictures)
    image, difference = blend(w, result, t)
    w.output("image", image, [1, options.planes, *sides])
    doubt = confidence(w, result, difference, options.planes, t, paced=options.paced)
    w.output("confidence", doubt, [1])
    if options.motion:
        cells: list[Dim] = [
            side // PACE_CELL if isinstance(side, int) else f"{side}_cells" for side in sides
        ]
        w.output("motion", motion(w, result), [1, 1, *cells])
    if arch.rescales and not options.doubled:
        w.output("largest", largest(w, *result.own[1]), [1, 2])
    return w.model(metadata)
