"""Graphs as vs-mlrt runs them: one input of all planes, one output, the encoder inside.

v1: `input` (1, 11, H, W): left and right picture, the timestep, the pixels' places in -1..1 along x
and along y, 2 / (W - 1), 2 / (H - 1), each a plane; sides are multiples of the row's pad_unit.
v2: `input` (1, 7, H, W): left and right picture, the timestep, a plane; pads and crops for itself.
Both: `output` (1, 3, H, W). vs-mlrt puts a clip's size in place of `height` and `width` and wants
to read the output's off the graph, so every size follows from the input's.

Nobody can run a second graph here: 4.0 and 4.1 keep their scales, however large the motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from onnx import ModelProto

from vsrife.errors import ArgumentError
from vsrife.network.operations.onnx_writer import Array, Dim, Writer
from vsrife.network.options import GraphOptions, check, unit_of
from vsrife.network.previous.onnx.encoder import write_encoder
from vsrife.network.previous.onnx.operations import channels, reshape, split
from vsrife.network.previous.onnx.outcome import blend
from vsrife.network.previous.onnx.refinement import Refinement
from vsrife.network.previous.onnx.warp import GivenGrid
from vsrife.network.state_dict import check_state
from vsrife.network.table import Arch

LAYOUTS = {"v1": 11, "v2": 7}  # planes of the input


def build_layout(
    state: Mapping[str, Array],
    arch: Arch,
    options: GraphOptions,
    layout: str,
    metadata: Mapping[str, str] = {},
) -> ModelProto:
    """The whole network in vs-mlrt's layout; of the options scale, ensemble, half and size count.

    size: of the input, for v2 any one.
    """
    if layout not in LAYOUTS:
        raise ArgumentError(f"layout must be one of {', '.join(LAYOUTS)}, not {layout!r}")
    w, size = Writer(half=options.half), options.size
    options = replace(options, paced=True)
    if size is not None and layout == "v2":
        unit = unit_of(arch, options)
        options = replace(options, size=(size[0] + -size[0] % unit, size[1] + -size[1] % unit))
    check(arch, options)
    check_state(state, arch)
    sides: list[Dim] = ["height", "width"] if size is None else list(size[::-1])
    planes = w.input("input", [1, LAYOUTS[layout], *sides])
    if layout == "v1":
        image = _v1(w, state, arch, options, planes)
    else:
        image = _v2(w, state, arch, options, planes, size)
    w.output("output", image, [1, 3, *sides])
    return w.model(metadata)


def _v1(
    w: Writer, state: Mapping[str, Array], arch: Arch, options: GraphOptions, planes: str
) -> str:
    images, timestep, places, factors = split(w, planes, [6, 1, 2, 2])
    first = w.integers([0, 0]), w.integers([1, 1]), w.integers([2, 3])
    grid = GivenGrid(w, places, w.op("Slice", factors, *first))
    pair = write_encoder(w, state, arch, reshape(w, images, 2, 3))
    result = Refinement(w, state, arch, options, planes, grid).write(pair, timestep, "")
    return blend(w, result, timestep)[0]


def _v2(
    w: Writer,
    state: Mapping[str, Array],
    arch: Arch,
    options: GraphOptions,
    planes: str,
    size: tuple[int, int] | None,
) -> str:
    padded, sides = planes, ""
    if size is None:
        sides = w.op("Shape", planes, start=2, end=4)
        padded = w.op("Pad", planes, _pads(w, sides, unit_of(arch, options)), mode="edge")
    elif options.size is not None and options.size != size:
        sides = w.integers(size[::-1])
        missing = [up - side for up, side in zip(options.size[::-1], size[::-1], strict=True)]
        padded = w.op("Pad", planes, w.integers([0] * 6 + missing), mode="edge")
    images, timestep = split(w, padded, [6, 1])
    pair = write_encoder(w, state, arch, reshape(w, images, 2, 3))
    result = Refinement(w, state, arch, options, padded).write(pair, timestep, "")
    if not sides:
        return blend(w, result, timestep)[0]
    corner = w.integers([0, 0]), sides, w.integers([2, 3])
    mask, warped = (w.op("Slice", x, *corner) for x in (result.mask, result.warped))
    if size is None:
        # What a cut leaves depends on numbers, not on shapes. Added to something of the input's
        # size, everything behind it has that size for those who infer shapes alone.
        nothing = w.op("Mul", channels(w, planes, 1), w.constant(0.0))
        mask = w.op("Add", mask, nothing)
    result = result._replace(mask=mask, warped=warped)
    if result.still:
        still, pictures, timestep = (
            w.op("Slice", x, *corner) for x in (result.still, result.pictures, timestep)
        )
        result = result._replace(still=still, pictures=pictures)
    return blend(w, result, timestep)[0]


def _pads(w: Writer, sides: str, unit: int) -> str:
    """What is missing to the right and below to multiples, for Pad."""
    with w.scope("pads"):
        units = w.integers([unit])
        up = w.op("Div", w.op("Add", sides, w.integers([unit - 1])), units)
        missing = w.op("Sub", w.op("Mul", up, units), sides)
        return w.op("Concat", w.integers([0] * 6), missing, axis=0)
