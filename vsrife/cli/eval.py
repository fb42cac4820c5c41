"""`vsrife eval`: drop every other frame of clips, make it anew in several ways, compare."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife import messages
from vsrife.errors import ArgumentError, MediaError
from vsrife.evaluation.compare import Outcome, compare
from vsrife.evaluation.film_files import open_film
from vsrife.evaluation.methods import CLASSICAL, Method, network
from vsrife.evaluation.report import tables, write_files
from vsrife.inference import loads
from vsrife.inference.base import Hardware
from vsrife.inference.select import candidates
from vsrife.weights.folders import exists, is_folder

HELP = """Measure models on clips whose every other frame is left out.

Prints tables of the means over the new frames of each clip. Writes into DIR, if one is given:

  tables.md               what is printed
  summary.json            the same for programs
  frames.csv              every frame's figures
  quality.png             quality against multiply-adds per pixel
  curves-CLIP.png         figures over the frames
  worst-CLIP-FRAME.png    the first model's worst frames: left | truth | methods, and differences"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIP", help="video files, or Lottie JSON"
    )
    parser.add_argument(
        "--models", default="nano", metavar="A,B", help="names of models, or none [nano]"
    )
    parser.add_argument(
        "--weights", type=Path, action="append", default=[], metavar="FILE",
        help="and these files; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--against", default=",".join(CLASSICAL), metavar="A,B",
        help="of hold, blend, mvtools, minterpolate, or none [all]",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="for files and pictures")
    parser.add_argument(
        "--frames", type=int, default=100, metavar="N", help="first frames of a clip, 0 all [100]"
    )
    parser.add_argument(
        "--worst", type=int, default=2, metavar="N", help="pictures of a clip's worst frames [2]"
    )
    parser.add_argument("--backend", help="pytorch, onnx or openvino [the fastest installed]")
    parser.add_argument("--device", help="cuda, cuda:1, cpu, ... [the best there is]")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads [all]")


def run(args: argparse.Namespace) -> int:
    _check(args)
    methods = _methods(args)
    films = [open_film(path, args.frames) for path in args.clips]
    judged = next((name for name in methods if name not in CLASSICAL), next(iter(methods)))
    folder: Path | None = args.output
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for film in films:
        started = time.monotonic()
        outcome = compare(film, methods, judged=judged, worst=args.worst if folder else 0)
        outcomes.append(outcome)
        _say(f"{film.name}: {film.count} frames, {time.monotonic() - started:.0f} s, PSNR", outcome)
    print(tables(outcomes, methods), end="")
    if folder:
        from vsrife.evaluation.plots import draw_all

        paths = [*write_files(outcomes, methods, folder), *draw_all(outcomes, methods, folder)]
        for path in paths:
            messages.say(str(path))
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.frames < 0 or 0 < args.frames < 3:
        raise ArgumentError(f"frames must be 0 (all) or at least 3, not {args.frames}")
    if args.worst < 0:
        raise ArgumentError(f"worst must be at least 0, not {args.worst}")
    if args.output and exists(args.output) and not is_folder(args.output):
        raise MediaError(f"{args.output} is no folder; choose another one")
    if args.threads is not None:
        if args.threads < 1:
            raise ArgumentError(f"threads must be at least 1, not {args.threads}")
        vs.core.num_threads = args.threads


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """rife()'s arguments from the command line's."""
    chosen = args.backend or _best(args.device)
    options = {"backend": chosen, "device": args.device}
    if args.threads is not None and chosen != "pytorch":
        return options | {"threads": args.threads}
    if args.threads is not None:
        import torch

        torch.set_num_threads(args.threads)  # for the whole process, which is this command's
    return options


def _best(device: str | None) -> str:
    """The backend that rife() would take: the best one that can be loaded."""
    names = candidates(Hardware(device=device))
    return next((name for name in names if loads(name, messages.note)), names[0])


def _methods(args: argparse.Namespace) -> dict[str, Method]:
    methods = {}
    options = _options(args)
    for name in _names(args.against):
        if name not in CLASSICAL:
            known = ", ".join(CLASSICAL)
            raise ArgumentError(f"against must be of {known} or none, not {name!r}")
        methods[name] = CLASSICAL[name]
    for name in _names(args.models):
        methods[name] = network(name, **options)
    for path in args.weights:
        # two runs may both have a nano.safetensors
        name = path.stem if path.stem not in methods else str(path)
        methods[name] = network(path, **options)
    if not methods:
        raise ArgumentError("models, weights and against are all empty; give at least one")
    return methods


def _names(text: str) -> Iterable[str]:
    return [] if text == "none" else [name for name in text.split(",") if name]


def _say(text: str, outcome: Outcome) -> None:
    scores = (f"{name} {outcome.mean(name).psnr:.2f}" for name in outcome.scores)
    messages.say(" ".join([text, *scores]))
