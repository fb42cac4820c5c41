"""vsrife quantize: a model's convolutions in INT8, calibrated on the user's own clips."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from vsrife.cli.rife_options import check_options
from vsrife.errors import ArgumentError
from vsrife.evaluation.methods.triples import LEAST, Triple, quality_of, triples_of
from vsrife.evaluation.timing import speed
from vsrife.export import check_free, check_target
from vsrife.inference import loads, select
from vsrife.messages import counted, note
from vsrife.quantize import Export
from vsrife.version import __version__

HELP = """Write a model as an ONNX file whose convolutions compute in INT8.

Ranges of numbers are measured on frames of CLIP...; flow stays in fp32. Other frames of the same
clips are kept back and made anew, in fp32 and in INT8: how much was lost, and how much faster this
machine is with it, is printed. rife(clip, model=FILE) uses the file."""

_LOSS = 0.1  # dB that nobody sees
_GAIN = 1.1  # times as fast, below which a file of one more kind is not worth its while


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model's name or a weights file")
    add("clips", metavar="CLIP", nargs="+", type=Path, help="video files like those it is for")
    add("-o", "--output", metavar="FILE", type=Path, required=True, help="the .onnx file to write")
    add("--size", metavar="WxH", help="of frames, or any, which is slower (that of the clips)")
    add("--scale", type=float, default=1.0, help="resolution for motion (1)")
    add("--frames", type=int, default=16, metavar="N", help="frames measured of each clip (16)")
    add("--threads", type=int, metavar="N", help="CPU threads for the timing (as each one likes)")
    add("--rounds", type=int, default=5, metavar="N", help="how often each one is timed (5)")
    add("--overwrite", action="store_true", help="replace FILE if it exists")


def run(args: argparse.Namespace) -> int:
    asked = _check(args)
    triples = triples_of(args.clips, args.frames)
    size = _size(args.size, asked, {triple.size for triple in triples})
    calibration, judged = triples[::2], triples[1::2]
    with TemporaryDirectory(prefix="vsrife") as folder:
        export = Export(args.model, args.scale, size, Path(folder))
        for file in export.files(args.output):
            check_free(file, overwrite=args.overwrite)
        note(f"measuring ranges on {counted(len(calibration), 'pair')} of frames")
        export.write(args.output, ((each.left, each.right) for each in calibration))
    print(args.output)
    _report(args, judged)
    return 0


def _check(args: argparse.Namespace) -> list[tuple[int, int]] | None:
    """The sizes that are asked for; an error for what is typed first, then for files."""
    asked = None if args.size in (None, "any") else speed.sizes_of(args.size)
    if args.frames < 2 * LEAST:
        raise ArgumentError(f"frames must be at least {2 * LEAST}, not {args.frames}")
    speed.check_numbers(args.rounds, args.threads)
    check_options({"scale": args.scale})
    check_target(args.output, overwrite=args.overwrite)
    return asked


def _size(
    text: str | None, asked: list[tuple[int, int]] | None, found: set[tuple[int, int]]
) -> tuple[int, int] | None:
    """Width and height of the frames that the file is for, None for any."""
    if asked is not None and found != set(asked):
        sizes = ", ".join(f"{width}x{height}" for width, height in sorted(found))
        raise ArgumentError(f"size must be that of the clips, {sizes}, or any, not {text!r}")
    if text is None and len(found) > 1:
        note("the clips have several sizes; the file takes any, which is slower than one alone")
    return next(iter(found)) if len(found) == 1 and text != "any" else None


def _report(args: argparse.Namespace, judged: Sequence[Triple]) -> None:
    """How much was lost and won, on this machine, with the backends that run such files."""
    size = judged[0].size
    same = [each for each in judged if each.size == size]
    found: dict[str, tuple[float, float]] = {}  # backend -> dB that are lost, times as fast
    kept = counted(len(same), "frame")
    print(f"{args.model}, {size[0]}x{size[1]}, {kept} kept back, vsrife {__version__}")
    for backend in ("onnx", "openvino"):
        if not (select.is_installed(backend) and loads(backend, note)):
            continue
        sessions = {
            kind: speed.open_session(
                backend, str(model), size, threads=args.threads, precision="fp32", scale=args.scale
            )
            for kind, model in (("fp32", args.model), ("int8", args.output))
        }
        quality = quality_of(sessions, same)
        left, right = same[0].left, same[0].right
        calls = {
            kind: partial(speed.new_frame, session, left, right)
            for kind, session in sessions.items()
        }
        seconds = speed.rounds_of(calls, args.rounds)
        loss, faster = quality.single - quality.quantized, seconds["fp32"] / seconds["int8"]
        found[backend] = loss, faster
        print(
            f"{backend:9} PSNR fp32 {quality.single:.2f} dB, int8 {quality.quantized:.2f} dB "
            f"({-loss:+.2f}), int8 against fp32 {quality.alike:.1f} dB; seconds per frame fp32 "
            f"{seconds['fp32']:.4f}, int8 {seconds['int8']:.4f}: {faster:.2f} times as fast"
        )
    print(verdict(found))


def verdict(found: Mapping[str, tuple[float, float]]) -> str:
    """Whether INT8 pays. found: backend -> dB that it loses, and how many times as fast it is; one
    backend must keep quality and gain speed, both."""
    worth = [name for name, (loss, faster) in found.items() if loss <= _LOSS and faster >= _GAIN]
    if worth:
        return f"worth its while here, with {' and '.join(worth)}"
    why = [
        f"with {name} it loses {loss:.2f} dB"
        if loss > _LOSS
        else f"with {name} it is {faster:.2f} times as fast"
        for name, (loss, faster) in found.items()
    ]
    return f"not worth its while here: {', '.join(why)}; stay with fp32"
