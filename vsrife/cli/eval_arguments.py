"""The options of `vsrife eval`, and what can be checked of them before anything is opened."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from vsrife.checks import Whole
from vsrife.cli.rife_options import check_options
from vsrife.errors import ArgumentError, MediaError, ModelError, missing_package
from vsrife.evaluation.cases.all_cases import CASES
from vsrife.evaluation.cases.case_films import MARGIN
from vsrife.evaluation.cases.matching import BLOCK
from vsrife.evaluation.film import Film
from vsrife.evaluation.methods.all_methods import CLASSICAL, Method
from vsrife.evaluation.timing.speed import sizes_of
from vsrife.inference import MOST
from vsrife.media.parts import check_folder
from vsrife.weights.folders import is_file

MOST_FACTOR = 64
LEAST_SIDE = 2 * (MARGIN + BLOCK) + BLOCK  # pixels: what a pan's frame must be to show one block
USUAL_SIZE = "1280x720"
_LPIPS_SIDE = 64  # pixels: smaller pictures have no last features


class Asked(NamedTuple):
    cases: list[str]
    size: tuple[int, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("clips", nargs="*", type=Path, metavar="CLIP", help="video files, or Lottie JSON")
    add("--models", default="nano", metavar="A,B", help="names of models, or none [nano]")
    add(
        "--weights", type=Path, action="append", default=[], metavar="FILE",
        help="and these files; may be repeated",
    )  # fmt: skip
    add(
        "--against", metavar="A,B",
        help=f"of {', '.join(CLASSICAL)}, or none [all that are installed]",
    )  # fmt: skip
    add("--reference", metavar="MODEL", help="compare the other models with this one of them")
    add(
        "--cases", default="none", metavar="A,B",
        help=f"of {', '.join(CASES)}, or all or none [none]",
    )  # fmt: skip
    add(
        "--photo", dest="photos", type=Path, action="append", default=[], metavar="FILE",
        help="a picture, or a clip's first frame, to pan over; may be repeated [drawn ones]",
    )  # fmt: skip
    add(
        "--size", metavar="WxH",
        help=f"frames of --cases pans, at least {LEAST_SIDE}x{LEAST_SIDE} [{USUAL_SIZE}]",
    )  # fmt: skip
    add("--lpips", type=Path, metavar="FILE", help="torchvision's AlexNet: measure LPIPS, too")
    add("-o", "--output", type=Path, metavar="DIR", help="for files and pictures; needs matplotlib")
    add("--frames", type=int, default=100, metavar="N", help="first frames of a clip, 0 all [100]")
    add("--factor", type=int, default=2, metavar="N", help="keep each N-th frame [2]")
    add("--worst", type=int, default=2, metavar="N", help="a model's worst frames of a clip [2]")
    add("--json", action="store_true", help="for programs, on stdout")
    add("--backend", help="pytorch, onnx or openvino [the fastest installed]")
    add("--device", help="cuda, cuda:1, cpu, ... [the best there is]")
    add("--threads", type=int, metavar="N", help="CPU threads [all]")


def names_of(text: str) -> list[str]:
    return [] if text == "none" else [name for name in text.split(",") if name]


def check(args: argparse.Namespace) -> Asked:
    """What is asked for. ArgumentError, MediaError or BackendError for what cannot work."""
    if not args.clips and not names_of(args.cases):
        args.parser.error("the following arguments are required: CLIP (or --cases all)")
    _check_numbers(args)
    check_options({"backend": args.backend, "device": args.device})
    cases = _cases_of(args.cases)
    size = _size(args.size, cases)
    if args.photos and "pans" not in cases:
        raise ArgumentError("--photo is what pans go over; add --cases pans")
    for path in args.photos:
        if not is_file(path):
            raise MediaError(f"there is no picture {path}")
    if args.lpips is not None and not is_file(args.lpips):
        raise ModelError(f"there is no file {args.lpips}; lpips takes AlexNet's weights")
    if args.against is not None:
        _check_against(names_of(args.against))
    if args.output:
        check_folder(args.output)
        for module, package in (("matplotlib", "matplotlib"), ("PIL", "pillow")):
            if find_spec(module) is None:
                raise missing_package("eval -o, which draws pictures,", "eval", package)
    return Asked(cases, size)


def check_methods(methods: Mapping[str, Method], reference: str | None) -> None:
    if not methods:
        raise ArgumentError("models, weights and against are all empty; give at least one")
    networks = [name for name, method in methods.items() if method.file]
    if reference is not None and reference not in networks:
        known = ", ".join(networks) or "none, as there is no model"
        raise ArgumentError(f"reference must be one of {known}, not {reference!r}")


def check_films(films: Sequence[Film], lpips: Path | None) -> None:
    for film in films:
        width, height = film.source.width, film.source.height
        if lpips is not None and min(width, height) < _LPIPS_SIDE:
            raise MediaError(
                f"{film.name} is {width}x{height}; LPIPS needs at least "
                f"{_LPIPS_SIDE}x{_LPIPS_SIDE}, so leave --lpips or the clip out"
            )


def _check_numbers(args: argparse.Namespace) -> None:
    if not 2 <= args.factor <= MOST_FACTOR:
        raise ArgumentError(f"factor must be from 2 to {MOST_FACTOR}, not {args.factor}")
    if args.frames < 0 or 0 < args.frames <= args.factor:
        least = args.factor + 1
        raise ArgumentError(f"frames must be 0 (all) or at least {least}, not {args.frames}")
    if args.worst < 0:
        raise ArgumentError(f"worst must be at least 0, not {args.worst}")
    if args.threads is not None:
        Whole(1, MOST["threads"]).read("threads", args.threads)


def _cases_of(text: str) -> list[str]:
    if text == "all":
        return list(CASES)
    names = names_of(text)
    for name in names:
        if name not in CASES:
            raise ArgumentError(f"cases must be of {', '.join(CASES)}, all or none, not {name!r}")
    return list(dict.fromkeys(names))


def _size(text: str | None, cases: Sequence[str]) -> tuple[int, int]:
    """Width and height of the pans' frames."""
    if text is not None and "pans" not in cases:
        raise ArgumentError("--size is of the frames of pans; add --cases pans, or leave it out")
    sizes = sizes_of(text or USUAL_SIZE)
    if len(sizes) != 1 or min(sizes[0]) < LEAST_SIDE:
        raise ArgumentError(
            f"size must be one size of at least {LEAST_SIDE}x{LEAST_SIDE}, not {text}; "
            f"after a pan of {MARGIN} pixels, less shows no whole block of {BLOCK}"
        )
    return sizes[0]


def _check_against(names: Sequence[str]) -> None:
    for name in names:
        if name not in CLASSICAL:
            known = ", ".join(CLASSICAL)
            raise ArgumentError(f"against must be of {known} or none, not {name!r}")
        if (lacking := CLASSICAL[name].missing) is not None:
            raise missing_package(name, "eval", lacking)
