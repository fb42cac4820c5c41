"""`vsrife train`: train an embedded model on generated scenes and, if given, real footage."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife import messages
from vsrife.checks import Whole
from vsrife.errors import ArgumentError
from vsrife.inference import MOST
from vsrife.media.parts import check_folder, make_folder
from vsrife.network.table import TRAINABLE
from vsrife.weights.folders import is_folder
from vsrife.weights.locate import existing

if TYPE_CHECKING:  # they import PyTorch
    from vsrife.training.material.footage import Footage
    from vsrife.training.run_options import Options

HELP = "train a model of ours on generated scenes and footage, and from a teacher"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help=f"which network: {', '.join(TRAINABLE)}")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="for weights and checkpoint"
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, metavar="M", help="length of the run in time")
    length.add_argument("--steps", type=int, metavar="N", help="length of the run in steps")
    parser.add_argument(
        "--footage",
        type=Path,
        metavar="DIR",
        help="folder with kodak or photos (PNG), clips, lottie (JSON) or data sets; without it "
        "all is generated, and --teacher and --cache have nothing to act on",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="for cut footage [DIR of --output, footage]",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random draws [0]")
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE",
        help="weights of RIFE 4.2 to 4.26 that say how --footage moves",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=256,
        metavar="N",
        help="sides of the pictures, pixels [256]",
    )
    parser.add_argument("--count", type=int, default=8, metavar="N", help="pictures of a step [8]")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate [0.0015]")
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="FILE",
        help="weights to begin with, instead of random ones: fine-tuning",
    )
    parser.add_argument(
        "--perceptual",
        type=Path,
        metavar="FILE",
        help="weights of torchvision's VGG-16, to compare pictures by its features, too",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda[:N] [cpu]")
    parser.add_argument("--autocast", action="store_true", help="convolutions in bfloat16")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads [all]")
    parser.add_argument("--resume", action="store_true", help="go on from DIR's checkpoint")


def run(args: argparse.Namespace) -> int:
    options = _options(args)
    from vsrife.training.loop import train
    from vsrife.training.material.drawn_scenes import Scenes

    _set_threads(args.threads)
    footage = _footage(args)
    messages.say("drawing the textures and shapes of scenes")
    scenes = Scenes(args.seed, footage.photos if footage else (), options.device)
    path = train(options, scenes, footage)
    print(path)
    messages.note("weights above; the checkpoint beside them goes on with --resume")
    return 0


def _options(args: argparse.Namespace) -> Options:
    """What is asked for. What is wrong is said before footage is cut and scenes are drawn."""
    from vsrife.training.run_options import Options

    options = Options(
        model=args.model,
        folder=args.output,
        minutes=args.minutes,
        steps=args.steps,
        seed=args.seed,
        size=args.size,
        count=args.count,
        rate=args.rate,
        device=args.device,
        autocast=args.autocast,
        resume=args.resume,
        start=args.start,
        teacher=args.teacher,
        perceptual=args.perceptual,
    )
    if args.threads is not None:
        Whole(1, MOST["threads"]).read("threads", args.threads)
    if args.cache is not None and args.footage is None:
        raise ArgumentError("--cache is for cut footage; add --footage, or leave it out")
    _check_paths(args)
    # these load PyTorch, which is not missed by who has mistyped something
    from vsrife.training import before_run
    from vsrife.training.material.footage import SIDE

    before_run.check_footage(options, None if args.footage is None else SIDE)
    before_run.check_folder(options)
    before_run.check_files(options)
    make_folder(args.output)
    return options


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _footage(args: argparse.Namespace) -> Footage | None:
    from vsrife.training.material.footage import prepare

    if args.footage is None:
        return None
    cache = args.cache or args.output / "footage"
    return prepare(args.footage, cache, args.seed)


def _check_paths(args: argparse.Namespace) -> None:
    for path in (args.start, args.teacher, args.perceptual):
        if path is not None:
            existing(path)
    if args.footage is not None and not is_folder(args.footage):
        raise ArgumentError(f"--footage must be a folder of media, not {str(args.footage)!r}")
    check_folder(args.output)
    if args.cache is not None:
        check_folder(args.cache)
