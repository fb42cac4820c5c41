"""vsrife export: write a model as ONNX, or for another target."""

from __future__ import annotations

import argparse
from pathlib import Path

from vsrife.cli.rife_options import read_size
from vsrife.export import export_model
from vsrife.network.files.targets import TARGETS, WORDS
from vsrife.network.table import SCALES

HELP = """Write a model for other programs. Paths of what was written go to stdout.

Target onnx, layout own is a graph for two frames; where the network has an encoder,
FILE.encode.onnx beside it is to be run once for each frame, and where it rescales (4.0, 4.1)
FILE.doubled.onnx takes over when the motion is large. v1 and v2 are vs-mlrt's, one file, v2 pads
for itself. See docs/guide/onnx.md.

Target openvino writes the same graphs as OpenVINO IR, FILE.xml and FILE.bin each. See
docs/guide/openvino.md.

Target ncnn writes flownet.param and flownet.bin into a folder, for rife-ncnn-vulkan and its forks.
See docs/guide/ncnn.md.

Target tflite writes one file for phones, for frames of one --size; with --flow-only it gives motion
and mask, and the app warps. See docs/guide/tflite.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    suffixes = [row.suffix for row in TARGETS.values() if row.suffix]
    add("model", metavar="MODEL", help="a model's name or a weights file")
    add("-o", "--output", metavar="FILE", type=Path, required=True,
        help=f"ends in {' or '.join(suffixes)}; a folder for target ncnn")  # fmt: skip
    add("--target", choices=TARGETS, default="onnx", help="format of the file (onnx)")
    scales = ", ".join(f"{scale:g}" for scale in SCALES)
    add("--scale", type=float, default=1.0, help=f"resolution for motion: {scales} (1)")
    add("--ensemble", action="store_true", help="estimate both ways round and average")
    precisions = dict.fromkeys(each for row in TARGETS.values() for each in row.precisions)
    int8 = ", ".join(name for name, row in TARGETS.items() if "int8" in row.precisions)
    add("--precision", choices=precisions, default="fp32",
        help=f"of the convolutions; int8: {int8} only (fp32)")  # fmt: skip
    add("--size", metavar="WxH", help="padded width and height (any)")
    add("--layout", choices=WORDS["layout"], default="own",
        help="onnx, openvino: own, or vs-mlrt's (own)")  # fmt: skip
    add("--warp", choices=WORDS["warp"], default="rife",
        help="ncnn: the layer that warps, rife.Warp or ncnn's own GridSample (rife)")  # fmt: skip
    add("--fold", action="store_true",
        help="ncnn: no MemoryData, for older programs; the file cannot be imported")  # fmt: skip
    add("--flow-only", action="store_true", help="tflite: give flow and mask, the app warps")
    add("--blocks", metavar="N", type=int, help="tflite: only the first N blocks (all)")
    add("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    size = None if args.size is None else read_size("size", args.size)
    files = export_model(
        args.model, args.output, scale=args.scale, ensemble=args.ensemble,
        precision=args.precision, size=size, layout=args.layout, target=args.target,
        warp=args.warp, fold=args.fold, flow_only=args.flow_only, blocks=args.blocks,
        overwrite=args.overwrite,
    )  # fmt: skip  # one thing, not ten
    print(*files, sep="\n")
    return 0
