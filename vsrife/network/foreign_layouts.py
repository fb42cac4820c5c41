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
from vsrife.network.graphs import write_image
from vsrife.network.operations.onnx_grid import GivenGrid
from vsrife.network.operations.onnx_writer import Array, Dim, Writer
from vsrife.network.options import V1_PLANES, V2_PLANES, GraphOptions, check, unit_of
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import check_state
from vsrife.network.table import Arch

LAYOUTS = {"v1": V1_PLANES, "v2": V2_PLANES}


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
    options = replace(options, timestep_map=True)
    if size is not None and layout == "v2":
        options = replace(options, size=padded_size(size, unit_of(arch, options)))
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
    parts = w.ops("Split", planes, w.integers([6, 1, 2, 2]), outputs=4, axis=1)
    images, timestep, places, factors = parts
    first = w.integers([0, 0]), w.integers([1, 1]), w.integers([2, 3])
    grid = GivenGrid(w, places, w.op("Slice", factors, *first))
    both = _both(w, images)
    return write_image(w, state, arch, options, planes, both, timestep, grid)


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
    images, timestep = w.ops("Split", padded, w.integers([6, 1]), outputs=2, axis=1)
    both = _both(w, images)
    if not sides:
        return write_image(w, state, arch, options, padded, both, timestep)
    corner = w.integers([0, 0]), sides, w.integers([2, 3])

    def crop(x: str) -> str:
        return w.op("Slice", x, *corner)

    def crop_mask(x: str) -> str:
        if size is not None:
            return crop(x)
        # What a cut leaves depends on numbers, not on shapes. Added to something of the input's
        # size, everything behind it has that size for those who infer shapes alone.
        first = w.op("Slice", planes, w.integers([0]), w.integers([1]), w.integers([1]))
        return w.op("Add", crop(x), w.op("Mul", first, w.constant(0.0)))

    return write_image(w, state, arch, options, padded, both, timestep, crops=(crop, crop_mask))


def _both(w: Writer, images: str) -> str:
    """(1, 6, H, W) -> (2, 3, H, W)."""
    return w.op("Reshape", images, w.integers([2, 3, 0, 0]))


def _pads(w: Writer, sides: str, unit: int) -> str:
    """What is missing to the right and below to multiples, for Pad."""
    with w.scope("pads"):
        units = w.integers([unit])
        up = w.op("Div", w.op("Add", sides, w.integers([unit - 1])), units)
        missing = w.op("Sub", w.op("Mul", up, units), sides)
        return w.op("Concat", w.integers([0] * 6), missing, axis=0)
