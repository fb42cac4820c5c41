"""vsrife demo: draw a short clip, make it smoother, show and measure what came out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.evaluation.clips import DEMO_RATE as RATE
from vsrife.evaluation.clips import clip_of_pictures
from vsrife.evaluation.contact_sheet import contact_sheet
from vsrife.evaluation.scores.measures import psnr
from vsrife.filter import rife
from vsrife.inference import network_options
from vsrife.media.demo_film import SECONDS, draw
from vsrife.media.parts import check_folder, make_folder
from vsrife.media.shapes import HEIGHT, WIDTH, Array
from vsrife.media.timestamps import constant_times
from vsrife.media.writing.encode import Encoding, encode_png, write_video
from vsrife.network.table import DEFAULT_MODEL
from vsrife.weights import find_weights
from vsrife.weights.folders import exists

HELP = """Draw a short clip, make it smoother, measure.

Every second picture of a film that is drawn by formula goes through the filter; what comes out is
compared with the pictures that were left out. Writes into FOLDER, replacing files of these names:

  source.mp4   what went in, 12 frames per second
  smooth.mp4   what came out, 24 frames per second
  contact.png  source | new frame | truth | source, one row for each of some new frames"""

# Seconds, each that of a new frame: pan and bird, ball before car, the two apart again, the cut,
# the wheel from far and from near
MOMENTS = tuple(Fraction(n, 24) for n in (9, 33, 37, 41, 49, 69))

Pictures = list[Array]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, default=Path("demo"),
        help="where to write, made if it does not exist (demo)",
    )  # fmt: skip
    parser.add_argument("--model", help=f"a model's name or a weights file ({DEFAULT_MODEL})")
    parser.add_argument("--backend", help="pytorch, onnx or openvino (the fastest installed)")
    parser.add_argument("--device", help="cuda, cuda:1, cpu, ... (the best there is)")


def run(args: argparse.Namespace) -> int:
    folder: Path = args.output
    check_folder(folder)
    files = [folder / name for name in ("source.mp4", "smooth.mp4", "contact.png")]
    found = [file.name for file in files if exists(file)]
    if found and len(found) < len(files):  # not those of a demo before
        raise MediaError(f"{folder} holds a {found[0]} already; choose another folder with -o")
    asked = {"model": args.model, "backend": args.backend, "device": args.device}
    # before the film is drawn, which takes a while, and a folder is made
    import_module("av")
    find_weights(network_options.read(WIDTH, HEIGHT, **asked).model)
    source = [draw(float(k / RATE)) for k in range(int(SECONDS * RATE))]
    clip = clip_of_pictures(source)
    smooth = rife(clip, sc=True, **asked)
    make_folder(folder)
    made = [_picture(frame) for frame in smooth.frames(close=True)]
    truths = {n: draw(float(n / (2 * RATE))) for n in range(1, len(made) - 1, 2)}
    _write_film(clip, files[0])
    _write_film(clip_of_pictures(made, 2 * RATE), files[1])
    rows = [int(moment * 2 * RATE) for moment in MOMENTS]
    encode_png(contact_sheet(rows, source, made, truths), files[2])
    print(f"{len(source)} frames in, {len(made)} frames out")
    _print_scores(source, made, truths)
    print(*files, sep="\n")
    return 0


def _picture(frame: vs.VideoFrame) -> Array:
    return np.dstack([np.asarray(frame[plane]) for plane in range(3)])


def _write_film(clip: vs.VideoNode, path: Path) -> None:
    times = constant_times(Fraction(clip.fps), clip.num_frames)
    yuv = clip.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m", range_s="limited")
    write_video(yuv, path, times, Encoding())


def _print_scores(source: Pictures, made: Pictures, truths: dict[int, Array]) -> None:
    """The mean over new frames between two that differ; the others are mere copies."""
    pairs = {n: (source[n // 2], source[n // 2 + 1]) for n in truths}
    moving = [n for n, (left, right) in pairs.items() if not np.array_equal(left, right)]
    print(
        f"PSNR of {len(moving)} new frames (the others are between equal ones) against the truth, "
        "RGB, mean, more is better:"
    )
    methods: dict[str, Callable[[int], Array]] = {
        "rife": lambda n: made[n],
        "blend": lambda n: (pairs[n][0] + pairs[n][1]) / 2,
        "hold": lambda n: pairs[n][0],
    }
    for name, method in methods.items():
        scores = [psnr(method(n), truths[n]) for n in moving]
        print(f"  {name:6}{sum(scores) / len(scores):6.2f} dB")
