"""What a flow graph and a foreign layout have inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vsrife.network.operations.onnx.onnx_operations import OnnxOperations
from vsrife.network.operations.onnx.onnx_warps import Grid
from vsrife.network.operations.onnx.onnx_writer import Array, Writer
from vsrife.network.options import GraphOptions
from vsrife.network.outcome import confidence, motion
from vsrife.network.previous.onnx.outcome import blend, moving
from vsrife.network.previous.onnx.refinement import Refinement
from vsrife.network.table import Arch


def write_flow(
    w: Writer,
    state: Mapping[str, Array],
    arch: Arch,
    options: GraphOptions,
    left: str,
    pair: str,
    timestep: str,
    pictures: str,
) -> tuple[str, str, str]:
    """Image, confidence and, if asked for, motion; see `graphs.build_flow`."""
    result = Refinement(w, state, arch, options, left).write(pair, timestep, pictures)
    image, difference = blend(w, result, timestep)
    ops = OnnxOperations(w, options.size, left)
    with w.scope("confidence"):
        three = ops.first(difference, 3) if options.planes > 3 else difference
        doubt = confidence(ops, options, three, result.flow, timestep)
    if not options.motion:
        return image, doubt, ""
    with w.scope("motion"):
        return image, doubt, motion(ops, moving(w, result))


def write_image(
    w: Writer,
    state: Mapping[str, Array],
    arch: Arch,
    options: GraphOptions,
    like: str,
    pair: str,
    timestep: str,
    grid: Grid | None,
    crops: tuple[Callable[[str], str], Callable[[str], str]],
) -> str:
    """The image; crops: what is done with all that is blended, and with the mask."""
    crop, crop_mask = crops
    result = Refinement(w, state, arch, options, like, grid).write(pair, timestep, "")
    result = result._replace(mask=crop_mask(result.mask), warped=crop(result.warped))
    if result.still:
        result = result._replace(still=crop(result.still), pictures=crop(result.pictures))
        timestep = crop(timestep)
    return blend(w, result, timestep)[0]
