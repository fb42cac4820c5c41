"""Options of a run, and of a graph."""

from __future__ import annotations

from dataclasses import dataclass

from vsrife.errors import ArgumentError
from vsrife.network.sizes import padded_size
from vsrife.network.table import Row, check_options


@dataclass(frozen=True)
class RunOptions:
    """How a network runs.

    scale, ensemble: see `vsrife.network.build`.
    doubled: the second run of rows that rescale; sides are multiples of twice the pad_unit.
    timestep_map: the timestep is a map (N, 1, H, W).
    planes: channels of the pictures that are warped and blended.
    """

    scale: float = 1.0
    ensemble: bool = False
    doubled: bool = False
    timestep_map: bool = False
    planes: int = 3


# Planes of the input of graphs in foreign layouts: vs-mlrt's v1 and v2, VSGAN's
V1_PLANES, V2_PLANES, VSGAN_PLANES = 11, 7, 8


@dataclass(frozen=True)
class GraphOptions(RunOptions):
    """How to write a graph; see `graphs.build_flow` for its inputs and outputs.

    half: convolutions and their weights in fp16; all else, inputs and outputs, in fp32.
    size: padded width and height; None: any multiples of the row's pad_unit.
    separate: these pictures are inputs of their own; else the first 3 channels of left and right.
    motion: one more output, `vsrife.network.outcome.motion`.
    shortcuts: compute only pixels that are used; else every operation follows its definition.
    """

    half: bool = False
    size: tuple[int, int] | None = None
    separate: bool = False
    motion: bool = False
    shortcuts: bool = True


def unit_of(arch: Row, options: GraphOptions) -> int:
    """Width and height of the graph's pictures must be multiples of this, pixels."""
    return arch.pad_unit(options.scale) * (2 if options.doubled else 1)


def check(arch: Row, options: GraphOptions) -> None:
    """ArgumentError if the network of this row cannot be written with these options."""
    check_options(None, options.scale, options.ensemble)
    if options.ensemble and not arch.ensemble:
        raise ArgumentError(
            "ensemble is not supported by a network that passes features on; leave it out"
        )
    if options.doubled and not arch.rescales:
        raise ArgumentError("doubled is for networks that rescale, 4.0 and 4.1; leave it out")
    if options.planes < 1 or (options.planes != 3 and not options.separate):
        raise ArgumentError(
            f"planes must be 3 unless pictures are separate, not {options.planes}; "
            "set separate, too"
        )
    if options.size is not None:
        check_size(options.size, unit_of(arch, options))


def check_size(size: tuple[int, int], unit: int) -> None:
    """ArgumentError unless width and height, pixels, are positive multiples of `unit`."""
    width, height = size
    if width < 1 or height < 1 or width % unit or height % unit:
        up = "x".join(str(max(unit, side)) for side in padded_size(size, unit))
        raise ArgumentError(
            f"size must be multiples of {unit}, not {width}x{height}; "
            f"pad pictures to {up}, or leave size out for a graph of any size"
        )
