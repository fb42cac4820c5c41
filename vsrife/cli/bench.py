"""vsrife bench: the installed backends on the same networks and the same frames, in one run."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import vapoursynth as vs

from vsrife.errors import ArgumentError, ModelError
from vsrife.evaluation import speed
from vsrife.evaluation.clips import clip_of_pictures, demo_clip
from vsrife.evaluation.speed import Frame
from vsrife.filter import rife
from vsrife.inference import loads
from vsrife.inference.base import Session
from vsrife.messages import note
from vsrife.network.table import DEFAULT_MODEL, VERSIONS, arch_of, state_shapes
from vsrife.weights import find_weights, save_weights

HELP = """Compare the speed of backends on this machine.

Every backend makes the same new frames with the same network, in turns, in one process. Prints
seconds per new frame and how many times as fast as PyTorch that is (as the first backend, without
it): `network` is one new source frame and one new frame between, `filter` is rife() at factor 2
from YUV420P8 to YUV420P8, for each new frame and the source frame beside it."""

_MODULES = {"pytorch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
_MOMENTS = 24  # different frames; the film of `vsrife demo`, whose motion is known to be real


class Row(NamedTuple):
    model: str
    size: tuple[int, int]
    part: str
    seconds: dict[str, float]  # backend -> seconds per new frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--models", default=DEFAULT_MODEL, metavar="A,B", help=f"names or files [{DEFAULT_MODEL}]")
    add("--size", default="640x360", metavar="WxH,...", help="sizes of frames [640x360]")
    add("--backends", metavar="A,B", help="of pytorch, onnx, openvino [all that are installed]")
    add("--part", choices=("both", "network", "filter"), default="both", help="[both]")
    add("--precision", choices=("fp32", "fp16"), default="fp32", help="of convolutions [fp32]")
    add("--scale", type=float, default=1.0, help="resolution for motion [1]")
    add("--device", default="cpu", help="cpu, cuda, ... [cpu]")
    add("--threads", type=int, metavar="N", help="CPU threads [as many as each one likes]")
    add("--rounds", type=int, default=7, metavar="N", help="how often each one is timed [7]")
    add("--json", action="store_true", help="for programs, on stdout")


def run(args: argparse.Namespace) -> int:
    speed.check_numbers(args.rounds, args.threads)
    sizes = speed.sizes_of(args.size)
    models = [name.strip() for name in args.models.split(",") if name.strip()]
    if not models:
        raise ArgumentError("models is empty; name at least one")
    backends = speed.installed(args.backends)
    if args.backends is None:
        backends = [name for name in backends if loads(name, note)] or backends
    speed.set_threads(args.threads, backends)
    if args.threads is not None:
        vs.core.num_threads = args.threads
    rows = []
    with TemporaryDirectory(prefix="vsrife") as folder:
        files = {model: _weights(model, Path(folder)) for model in models}
        for row in _rows(args, files, sizes, backends):
            note(f"{row.model} {row.size[0]}x{row.size[1]} {row.part}: done")
            rows.append(row)
    if args.json:
        print(json.dumps({"machine": _machine(args, backends), "rows": _plain(rows)}, indent=1))
        return 0
    for name, value in _machine(args, backends).items():
        print(f"{name}: {value}")
    _print_table(rows, backends)
    return 0


def _rows(
    args: argparse.Namespace,
    files: dict[str, str],
    sizes: list[tuple[int, int]],
    backends: list[str],
) -> Iterator[Row]:
    for model, file in files.items():
        for size in sizes:
            frames = _frames(size)
            for part, calls in (("network", _networks), ("filter", _filters)):
                if args.part in ("both", part):
                    contenders = calls(args, file, backends, frames)
                    yield Row(model, size, part, speed.rounds_of(contenders, args.rounds))


def _weights(model: str, folder: Path) -> str:
    """The model, or a file of numbers in its place: what they are makes no difference in speed."""
    try:
        find_weights(model)
    except ModelError:
        if model not in VERSIONS:
            raise
    else:
        return model
    note(f"{model} is not on this machine; its network is timed with random weights")
    chance = np.random.default_rng(0)
    state = {
        key: (chance.standard_normal(shape) * 0.5 / math.sqrt(math.prod(shape[1:]) or 1)).astype(
            "f4"
        )
        for key, shape in state_shapes(arch_of(model)).items()
    }
    path = folder / f"{model}.safetensors"
    save_weights(path, state, {"arch": VERSIONS[model]})
    return str(path)


def _networks(
    args: argparse.Namespace,
    model: str,
    backends: list[str],
    frames: list[Frame],
) -> dict[str, Callable[[], object]]:
    height, width = frames[0][0].shape
    options = {
        "threads": args.threads,
        "half": args.precision == "fp16",
        "scale": args.scale,
        "device": args.device,
    }
    return {
        name: _network(speed.open_session(name, model, (width, height), **options), frames)
        for name in backends
    }


def _network(session: Session, frames: list[Frame]) -> Callable[[], object]:
    numbers = count(1)
    kept = [session.prepare(frames[0])]
    into = [np.empty_like(plane) for plane in frames[0]]

    def call() -> None:
        right = session.prepare(frames[next(numbers) % len(frames)])
        session.interpolate(kept[0], right, 0.5, into)
        kept[0] = right

    return call


def _filters(
    args: argparse.Namespace,
    model: str,
    backends: list[str],
    frames: list[Frame],
) -> dict[str, Callable[[], object]]:
    clip = _clip(frames)
    # enough source frames for all rounds: each new one is computed once
    clip = clip.std.Loop(2 + (args.rounds + 1) // clip.num_frames)
    return {
        name: _filter(
            rife(
                clip,
                model=model,
                scale=args.scale,
                backend=name,
                device=args.device,
                precision=args.precision,
                threads=None if name == "pytorch" else args.threads,
            )
        )
        for name in backends
    }


def _filter(clip: vs.VideoNode) -> Callable[[], object]:
    numbers = count(1, 2)

    def call() -> None:
        n = next(numbers)
        for index in (n, n + 1):
            clip.get_frame(index).close()

    return call


def _frames(size: tuple[int, int]) -> list[Frame]:
    """Of the demo's film, at that size."""
    width, height = size
    film = demo_clip(n / _MOMENTS for n in range(_MOMENTS // 2))
    frames = []
    for frame in film.resize.Bicubic(width, height).frames(close=True):
        frames.append([np.array(frame[plane], np.float32).clip(0, 1) for plane in range(3)])
    return frames


def _clip(frames: list[Frame]) -> vs.VideoNode:
    film = clip_of_pictures([np.dstack(frame) for frame in frames])
    yuv = film.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m", range_s="limited")
    made = [frame.copy() for frame in yuv.frames()]  # drawn once, not in every round
    blank = yuv.std.BlankClip(keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: made[n])


def _machine(args: argparse.Namespace, backends: list[str]) -> dict[str, str]:
    versions = [f"{name} {_version(_MODULES[name])}" for name in backends]
    return {
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "threads": str(args.threads or "as each one likes"),
        "device": args.device,
        "precision": args.precision,
        "versions": ", ".join(versions),
    }


def _version(module: str) -> str:
    """That of its package; ONNX Runtime is one module in many packages."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        return str(sys.modules[module].__version__)


def _processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        if names:
            return f"{len(names)} x {names[0]}"
    return platform.processor() or "unknown"


def _plain(rows: list[Row]) -> list[dict[str, object]]:
    return [
        {
            "model": row.model,
            "width": row.size[0],
            "height": row.size[1],
            "part": row.part,
            "seconds": {name: round(value, 5) for name, value in row.seconds.items()},
        }
        for row in rows
    ]


def _print_table(rows: list[Row], backends: list[str]) -> None:
    titles = ["model", "size", "part", *backends]
    lines = [titles]
    for row in rows:
        first = row.seconds[backends[0]]
        cells = [
            f"{row.seconds[name]:.4f} s {first / row.seconds[name]:5.2f}x" for name in backends
        ]
        lines.append([row.model, f"{row.size[0]}x{row.size[1]}", row.part, *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
