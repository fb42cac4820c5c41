"""`vsrife train`: train an embedded model on generated scenes and, if given, real footage."""

from __future__ import annotations

import argparse
from pathlib import Path

from vsrife import messages
from vsrife.errors import ArgumentError, MediaError
from vsrife.weights.folders import exists, is_folder
from vsrife.weights.locate import existing

HELP = "train an embedded model on generated scenes and footage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="which network: nano or small")
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
        help="folder with kodak or photos (PNG), clips, lottie (JSON); without it all is generated",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="for cut footage [DIR of --output, footage]"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random draws [0]")
    parser.add_argument(
        "--batch", type=int, default=12, metavar="N", help="pictures of 96x96 in a step [12]"
    )
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate [0.002]")
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="FILE",
        help="weights to begin with, instead of random ones: fine-tuning",
    )
    parser.add_argument(
        "--frozen", action="store_true", help="train only blocks that --from does not bring whole"
    )
    parser.add_argument(
        "--blocks",
        type=int,
        metavar="N",
        help="train only the first N blocks, as a network of their own [all]",
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
    import torch

    from vsrife.training.drawn_scenes import Scenes
    from vsrife.training.footage import prepare
    from vsrife.training.loop import train
    from vsrife.training.run_options import Options

    options = Options(
        model=args.model,
        folder=args.output,
        minutes=args.minutes,
        steps=args.steps,
        seed=args.seed,
        batch=args.batch,
        rate=args.rate,
        device=args.device,
        autocast=args.autocast,
        resume=args.resume,
        start=args.start,
        frozen=args.frozen,
        blocks=args.blocks,
        perceptual=args.perceptual,
    )
    _check_paths(args)
    if args.threads is not None:
        if args.threads < 1:
            raise ArgumentError(f"threads must be at least 1, not {args.threads}")
        torch.set_num_threads(args.threads)
    cache = args.cache or args.output / "footage"
    footage = prepare(args.footage, cache, args.seed) if args.footage else None
    scenes = Scenes(args.seed, footage.photos if footage else (), args.device)
    path = train(options, scenes, footage)
    print(path)
    messages.note("weights above; the checkpoint beside them goes on with --resume")
    return 0


def _check_paths(args: argparse.Namespace) -> None:
    """What is wrong is said before scenes are drawn, which takes a while."""
    for path in (args.start, args.perceptual):
        if path is not None:
            existing(path)
    if exists(args.output) and not is_folder(args.output):
        raise MediaError(f"{args.output} is no folder; choose another one")
