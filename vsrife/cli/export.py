"""vsrife export: write a model as ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from vsrife.errors import ArgumentError
from vsrife.export import LAYOUTS, PRECISIONS, export_model
from vsrife.network.table import SCALES

HELP = """Write a model as ONNX, for other programs. Paths of what was written go to stdout.

Layout own is a graph for two frames; where the network has an encoder, FILE.encode.onnx beside it
is to be run once for each frame, and where it rescales (4.0, 4.1) FILE.doubled.onnx takes over when
the motion is large. v1 and v2 are vs-mlrt's, one file, v2 pads for itself.

See docs/guide/onnx.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model's name or a weights file")
    add("-o", "--output", metavar="FILE", type=Path, required=True, help="ends in .onnx")
    scales = ", ".join(f"{scale:g}" for scale in SCALES)
    add("--scale", type=float, default=1.0, help=f"resolution for motion: {scales} (1)")
    add("--ensemble", action="store_true", help="estimate both ways round and average")
    add("--precision", choices=PRECISIONS, default="fp32", help="of the convolutions (fp32)")
    add("--size", metavar="WxH", type=_size, help="padded width and height (any)")
    add("--layout", choices=LAYOUTS, default="own", help="own, or vs-mlrt's (own)")
    add("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    files = export_model(
        args.model, args.output, scale=args.scale, ensemble=args.ensemble,
        precision=args.precision, size=args.size, layout=args.layout, overwrite=args.overwrite,
    )  # fmt: skip  # one thing, not eight
    print(*files, sep="\n")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.lower().partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise ArgumentError(f"size must be width x height such as 1920x1088, not {text!r}")
    return int(width), int(height)
