"""`vsrife eval`: leave frames out of clips, make them anew in several ways, compare."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife import messages
from vsrife.cli import eval_arguments
from vsrife.cli.eval_arguments import check, names_of
from vsrife.evaluation.cases.all_cases import CASES
from vsrife.evaluation.cases.case_films import MARGIN, Found, Scene
from vsrife.evaluation.cases.known_motion import photograph
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import open_film
from vsrife.evaluation.methods.all_methods import CLASSICAL, Method, network, usual
from vsrife.evaluation.methods.method_scores import Outcome, score_methods
from vsrife.evaluation.methods.report import summary, tables, write_files
from vsrife.evaluation.scores.measures import Lpips, missing
from vsrife.inference import loads
from vsrife.inference.base import Hardware
from vsrife.inference.select import candidates
from vsrife.media.parts import make_folder

HELP = """Measure models on clips of which frames are left out, and on cases with known motion.

Prints tables of means and worst tenths over the new frames of each clip, of --cases, of all methods
beside --reference, and one of everything in short. Writes into DIR, if one is given:

  tables.md               what is printed
  short.md                the last table, with a line for each method
  summary.json            the same for programs
  frames.csv              every frame's figures
  quality.png             quality against multiply-adds per pixel
  curves-CLIP.png         figures over the frames
  worst-CLIP-FRAME.png    the models' worst frames: left | truth | methods, and differences
  worst-of-MODEL.png      a model's worst frames out of all clips, beside the reference's"""

add_arguments = eval_arguments.add_arguments


def run(args: argparse.Namespace) -> int:
    asked = check(args)
    if args.clips and (lacking := missing()):
        messages.note(lacking)
    methods = _methods(args)
    lpips = _lpips(args.lpips)
    films = [open_film(path, args.frames, args.factor) for path in args.clips]
    eval_arguments.check_films(films, args.lpips)
    scene = _scene(args.photos, asked.size)
    folder: Path | None = args.output
    if folder:
        make_folder(folder)
    cases = _cases(asked.cases, methods, scene)
    outcomes = _outcomes(films, methods, args.worst if folder else 0, lpips)
    if args.json:
        print(json.dumps(summary(outcomes, methods, cases), indent=2))
    else:
        print(tables(outcomes, methods, cases, args.reference), end="")
    if folder:
        from vsrife.evaluation.methods.plots import draw_all

        paths = write_files(outcomes, methods, folder, cases, args.reference)
        paths += draw_all(outcomes, methods, folder, args.reference)
        for path in paths:
            messages.say(str(path))
    return 0


def _scene(photos: list[Path], size: tuple[int, int]) -> Scene:
    width, height = (side + MARGIN for side in size)
    return Scene(size, photos=[photograph(path, width, height) for path in photos])


def _cases(names: list[str], methods: dict[str, Method], scene: Scene) -> dict[str, Found]:
    found = {}
    for name in names:
        started = time.monotonic()
        found[name] = CASES[name].run(methods, scene)
        messages.say(f"{name}: {time.monotonic() - started:.0f} s")
    return found


def _outcomes(
    films: list[Film], methods: dict[str, Method], worst: int, lpips: Lpips | None
) -> list[Outcome]:
    networks = [name for name, method in methods.items() if method.file]
    judged = networks or list(methods)[:1]
    outcomes = []
    for film in films:
        started = time.monotonic()
        outcome = score_methods(film, methods, judged=judged, worst=worst, lpips=lpips)
        outcomes.append(outcome)
        frames = messages.counted(film.count, "frame")
        _say(f"{film.name}: {frames}, {time.monotonic() - started:.0f} s, PSNR", outcome)
    return outcomes


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """rife()'s arguments from the command line's."""
    if args.threads is not None:
        vs.core.num_threads = args.threads
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
    wanted = usual() if args.against is None else names_of(args.against)
    for name in CLASSICAL if args.against is None else ():
        if name not in wanted:
            messages.note(f"{name} is not installed; left out")
    methods = {name: CLASSICAL[name] for name in wanted}
    options = _options(args)
    for name in names_of(args.models):
        methods[name] = network(name, **options)
    for path in args.weights:
        # two runs may both have a nano.safetensors
        name = path.stem if path.stem not in methods else str(path)
        methods[name] = network(path, **options)
    eval_arguments.check_methods(methods, args.reference)
    return methods


def _lpips(path: Path | None) -> Lpips | None:
    if path is None:
        return None
    from vsrife.evaluation.scores.lpips import load

    return load(path)


def _say(text: str, outcome: Outcome) -> None:
    scores = (f"{name} {outcome.mean(name).psnr:.2f}" for name in outcome.scores)
    messages.say(" ".join([text, *scores]))
