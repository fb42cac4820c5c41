"""vsrife bench: the installed backends on the same networks and the same frames, in one run."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import vapoursynth as vs

from vsrife.diagnosis.surroundings import processor
from vsrife.errors import ArgumentError, MediaError, missing_package
from vsrife.evaluation.timing import contenders, speed, speed_report
from vsrife.evaluation.timing.contest import FILTER, NETWORK, Contest, Row
from vsrife.evaluation.timing.peers import read_peers
from vsrife.evaluation.timing.profile import profile
from vsrife.inference import loads
from vsrife.inference.backends import quiet
from vsrife.inference.base import Hardware
from vsrife.inference.graphs import bf16
from vsrife.inference.select import BACKENDS
from vsrife.media.parts import whole_file
from vsrife.messages import note
from vsrife.network.table import DEFAULT_MODEL
from vsrife.weights.folders import is_folder

HELP = """Compare the speed of backends on this machine.

Every backend makes the same new frames with the same network, in turns, in one run. Prints seconds
per new frame and how many times as fast as PyTorch that is (as the first backend, without it):
`network` is one new source frame and one new frame between, `filter` is rife() at factor 2 from
YUV420P8 to YUV420P8, for each new frame and the source frame beside it.

--part filter, with or without --against, runs each filter in a process of its own and also tells
time by stage, latency, memory and bytes. --profile tells what a network's time goes to."""

_MODULES = {"pytorch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--models", default=DEFAULT_MODEL, metavar="A,B", help=f"names or files [{DEFAULT_MODEL}]")
    add("--size", default="640x360", metavar="WxH,...", help="sizes of frames [640x360]")
    add("--clip", type=Path, metavar="FILE", help="a video file instead of the demo's film")
    add("--backends", metavar="A,B", help=f"of {', '.join(BACKENDS)} [all that are installed]")
    add("--part", choices=("both", NETWORK, FILTER), default="both", help="[both]")
    add(
        "--profile",
        action="store_true",
        help="time by kind of operation instead, from the runtimes' own counters",
    )
    add(
        "--against",
        metavar="PEER,...",
        help="vs-rife=PLACE, vs-mlrt[=PLACE], on the same weights and clip; PLACE: a Python whose "
        "environment has it, a folder or a wheel",
    )
    add("--plot", type=Path, metavar="FILE.png", help="stages of --part filter as bars")
    add(
        "--precision",
        choices=("fp32", "fp16", bf16.NAME),
        default="fp32",
        help="of convolutions [fp32]",
    )
    add("--scale", type=float, default=1.0, help="resolution for motion [1]")
    add("--device", default="cpu", help="cpu, cuda, ... [cpu]")
    add("--threads", type=int, metavar="N", help="CPU threads [as many as each one likes]")
    add("--rounds", type=int, default=7, metavar="N", help="how often each one is timed [7]")
    add("--json", action="store_true", help="for programs, on stdout")
    add("--overwrite", action="store_true", help="replace a picture of --plot that exists")


def run(args: argparse.Namespace) -> int:
    speed.check_numbers(args.rounds, args.threads)
    sizes = speed.sizes_of(args.size)
    models = [name.strip() for name in args.models.split(",") if name.strip()]
    if not models:
        raise ArgumentError("models is empty; name at least one")
    contest = _contest(args)
    if args.threads is not None:
        vs.core.num_threads = args.threads
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="vsrife"))
        # made before anything is timed: what cannot be written is known then
        plot = (
            None
            if args.plot is None
            else stack.enter_context(whole_file(args.plot, overwrite=args.overwrite))
        )
        files = {model: contenders.weights_for(model, Path(folder)) for model in models}
        if args.profile:
            return _profile(args, contest, files, sizes)
        rows = []
        for row in _rows(args, contest, files, sizes, Path(folder)):
            note(f"{row.model} {row.size[0]}x{row.size[1]} {row.part}: done")
            rows.append(row)
        _print(args, contest, rows)
        if plot is not None:
            speed_report.plot(rows, plot)
    return 0


def _print(args: argparse.Namespace, contest: Contest, rows: list[Row]) -> None:
    machine = _machine(args, contest)
    if args.json:
        _print_json(machine, rows=[speed_report.plain(row) for row in rows])
        return
    _print_machine(machine)
    print(*speed_report.table(rows, contest.backends), sep="\n")
    for row in rows:
        if row.details:
            print("", *speed_report.details(row), sep="\n")


def _contest(args: argparse.Namespace) -> Contest:
    """What is asked for, checked."""
    against = read_peers(args.against)
    if args.profile and (against or args.plot is not None or args.part != "both"):
        raise ArgumentError("--profile is of networks; leave --part, --against and --plot out")
    if (against or args.plot is not None) and args.part != FILTER:
        raise ArgumentError("--against and --plot are of filters; add --part filter")
    if against and (args.precision != "fp32" or args.scale != 1.0 or args.device == "mps"):
        raise ArgumentError("--against is for fp32 at scale 1; leave --precision and --scale out")
    if args.plot is not None:
        _check_plot(args.plot)
    narrow = args.precision == bf16.NAME
    asked = bf16.BACKEND if narrow and args.backends is None else args.backends
    backends = speed.installed(asked)
    for name in backends if narrow else ():
        bf16.check(name, [Hardware(device=args.device)])
    if asked is None:
        backends = [name for name in backends if loads(name, note)] or backends
    speed.set_threads(args.threads, backends)
    return Contest(
        backends=backends,
        rounds=args.rounds,
        scale=args.scale,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
        film=args.clip,
        against=against,
    )


def _check_plot(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise ArgumentError(f"--plot must be a file that ends in .png, not {path}")
    folder = path.absolute().parent
    if not is_folder(folder):
        raise MediaError(f"folder {folder} does not exist; make it first")
    if find_spec("matplotlib") is None:
        raise missing_package("--plot", "eval", "matplotlib")


def _rows(
    args: argparse.Namespace,
    contest: Contest,
    files: dict[str, str],
    sizes: list[tuple[int, int]],
    folder: Path,
) -> Iterator[Row]:
    for model, file in files.items():
        for size in sizes:
            if args.part == FILTER:
                yield contest.thorough(model, file, size, folder)
            else:
                yield from contest.quick(model, file, size, args.part)


def _profile(
    args: argparse.Namespace,
    contest: Contest,
    files: dict[str, str],
    sizes: list[tuple[int, int]],
) -> int:
    machine = _machine(args, contest)
    found: list[dict[str, Any]] = []
    if not args.json:
        _print_machine(machine)
    for model, file in files.items():
        for size in sizes:
            _, frames = contest.frames(size)
            for backend in contest.backends:
                settings = speed.settings_of(
                    backend,
                    file,
                    size,
                    threads=args.threads,
                    precision=contest.precision,
                    scale=args.scale,
                    device=args.device,
                )
                rows = profile(backend, settings, frames, args.rounds)
                where = {"model": model, "width": size[0], "height": size[1], "backend": backend}
                found += [where | speed_report.plain_profile(row) for row in rows]
                if not args.json:
                    print(f"\n{model} {size[0]}x{size[1]} {backend}")
                    print(*speed_report.profile_table(rows), sep="\n")
    if args.json:
        _print_json(machine, profile=found)
    return 0


def _print_json(machine: dict[str, str], **parts: list[dict[str, Any]]) -> None:
    print(json.dumps({"machine": machine, **parts}, indent=1))


def _print_machine(machine: dict[str, str]) -> None:
    for name, value in machine.items():
        print(f"{name}: {value}")


def _machine(args: argparse.Namespace, contest: Contest) -> dict[str, str]:
    versions = [f"{name} {_version(_MODULES.get(name, ''))}" for name in contest.backends]
    return {
        "machine": f"{platform.system()} {platform.machine()}, {processor()}",
        "threads": str(args.threads or "as each one likes"),
        "device": args.device,
        "precision": args.precision,
        "versions": ", ".join(versions),
    }


def _version(module: str) -> str:
    """That of its package; ONNX Runtime is one module in many packages."""
    if not module:
        return "of the plugin"
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        return str(quiet.load(module).__version__)
