"""Graphs for vs-mlrt: one input with all planes, one output, the encoder included.

v1: `input` (1, 11, H, W): left picture, right picture, timestep, x and y coordinates in -1..1,
2 / (W - 1), 2 / (H - 1), each as planes; sides are multiples of the row's pad_unit.
v2: `input` (1, 7, H, W): left picture, right picture, timestep plane; pads and crops internally.
Both: `output` (1, 3, H, W). vs-mlrt replaces `height` and `width` by the clip's size and infers the
output's size from the graph, so every size is derived from the input's.

A second graph cannot run here, so 4.0 and 4.1 never double their scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from onnx import ModelProto

from vsrife.errors import ArgumentError
from vsrife.network.graphs import write_image
from vsrife.network.operations.onnx.onnx_warps import GivenGrid
from vsrife.network.operations.onnx.onnx_writer import Array, Dim, Writer
from vsrife.network.options import V1_PLANES, V2_PLANES, GraphOptions, check, unit_of
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import check_state
from vsrife.network.table import Row

LAYOUTS = {"v1": V1_PLANES, "v2": V2_PLANES}


def build_layout(
    state: Mapping[str, Array],
    arch: Row,
    options: GraphOptions,
    layout: str,
    metadata: Mapping[str, str] = {},
) -> ModelProto:
    """The whole network in vs-mlrt's layout "v1" or "v2".

    options: scale, ensemble, half and size are used; size: of the input, any for v2. ArgumentError
    for an unknown layout or options the row lacks, ModelError for weights of another network.
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
    w: Writer, state: Mapping[str, Array], arch: Row, options: GraphOptions, planes: str
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
    arch: Row,
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
        # The size of a Slice depends on values, which shape inference does not know. Adding zeros
        # of the input's size makes the size of this and all later tensors known.
        first = w.op("Slice", planes, w.integers([0]), w.integers([1]), w.integers([1]))
        return w.op("Add", crop(x), w.op("Mul", first, w.constant(0.0)))

    return write_image(w, state, arch, options, padded, both, timestep, crops=(crop, crop_mask))


def _both(w: Writer, images: str) -> str:
    """(1, 6, H, W) -> (2, 3, H, W)."""
    return w.op("Reshape", images, w.integers([2, 3, 0, 0]))


def _pads(w: Writer, sides: str, unit: int) -> str:
    """`pads` of Pad: pixels on the right and below, up to multiples of `unit`."""
    with w.scope("pads"):
        units = w.integers([unit])
        up = w.op("Div", w.op("Add", sides, w.integers([unit - 1])), units)
        missing = w.op("Sub", w.op("Mul", up, units), sides)
        return w.op("Concat", w.integers([0] * 6), missing, axis=0)
