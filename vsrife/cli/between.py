"""vsrife between: two pictures in, the pictures between them out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vsrife.cli.rife_options import check_options
from vsrife.errors import ArgumentError, MediaError
from vsrife.filter import rife
from vsrife.media.parts import check_folder
from vsrife.media.stills.image_writer import KINDS, check_images, image_names
from vsrife.media.stills.images import READABLE
from vsrife.media.stills.still_pairs import write_between
from vsrife.messages import counted, say
from vsrife.network.table import DEFAULT_MODEL
from vsrife.weights.folders import is_file

HELP = """Make the pictures between two pictures.

N pictures, evenly between A and B, as 0001.png, 0002.png, ... into FOLDER. They have the bits and
the alpha of A and B. PNG, TIFF and OpenEXR are written, as A is; PNG if A is something else."""

_MOST = 10_000
_FORMATS = [kind[1:] for kind in KINDS]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("left", metavar="A", type=Path, help="the first picture")
    add("right", metavar="B", type=Path, help="the last picture, of the same size")
    add("-n", "--count", metavar="N", type=int, default=1, help="pictures between them (1)")
    add("-o", "--output", metavar="FOLDER", type=Path, required=True, help="made if it is missing")
    add("--format", metavar="{" + ",".join(_FORMATS) + "}", help="kind of files (that of A)")
    add("--ends", action="store_true", help="write A and B as well, as the first and the last")
    add("--model", help=f"a model's name or a weights file ({DEFAULT_MODEL})")
    add("--scale", type=float, default=1.0, help="resolution for motion; 0.5 suits 4K (1)")
    add("--ensemble", action="store_true", help="estimate both ways: slower, a little better")
    add("--backend", help="pytorch, onnx or openvino (the fastest that is installed)")
    add("--device", help="cuda, cuda:1, cpu, ... (the best there is)")
    add("--overwrite", action="store_true", help="replace pictures that exist")


def run(args: argparse.Namespace) -> int:
    if args.format not in (None, *_FORMATS):
        raise ArgumentError(
            f"format must be one of {', '.join(_FORMATS)}, not {args.format!r}; these keep every "
            "bit, and other programs make the rest of them"
        )
    if not 1 <= args.count <= _MOST:
        raise ArgumentError(f"count must be a whole number from 1 to {_MOST}, not {args.count}")
    options: dict[str, Any] = {
        "model": args.model, "backend": args.backend, "device": args.device,
        "scale": args.scale, "ensemble": args.ensemble,
    }  # fmt: skip
    check_options(options)
    for path in (args.left, args.right):
        if not is_file(path):
            raise MediaError(f"{path} does not exist or is no file; A and B must be pictures")
    check_folder(args.output, READABLE)
    names = image_names(args.count + 2 * args.ends, ending=_ending(args))
    check_images(args.output, names, overwrite=args.overwrite)
    for path in (args.left, args.right):
        if any(args.output / name == path for name in names):
            raise MediaError(f"{path} would be replaced; choose another FOLDER")
    files = (args.left, args.right)
    write_between(
        files, args.count, args.output, names, lambda clip, n: rife(clip, factor=n, **options)
    )
    say(f"{args.output}: {counted(len(names), 'picture')}")
    return 0


def _ending(args: argparse.Namespace) -> str:
    ending = f".{args.format}" if args.format else str(args.left.suffix).lower()
    return ending if ending in KINDS else ".png"
