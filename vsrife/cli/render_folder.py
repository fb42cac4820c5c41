"""`vsrife render` into a folder: when OUT is one, and what becomes of each file there."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.checks import frame_rate, rational
from vsrife.cli.render_task import check_values, options_of, varies
from vsrife.cli.rife_options import check_options
from vsrife.errors import MediaError, RifeError
from vsrife.media.parts import check_folder
from vsrife.media.source import open_source, probe
from vsrife.media.stills import image_pattern
from vsrife.media.stills.image_folder import USUAL_RATE, is_image_folder
from vsrife.media.stills.images import READABLE
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.rendering import batch
from vsrife.rendering.film.scripts import run_script
from vsrife.rendering.film.timing import constant_rate
from vsrife.weights.folders import is_folder

_UNKNOWN = "unknown"  # in the name of what cannot be rendered
_SLASHES = tuple(filter(None, (os.sep, os.altsep)))  # of this system: / and, on Windows, \


class Output(argparse.Action):
    """Keeps OUT as a Path, and whether it ends in a slash, which a Path forgets."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, Path(values))
        namespace.into = values.endswith(_SLASHES)


def is_many(args: argparse.Namespace) -> bool:
    """Whether OUT is a folder for outputs: by its slash, by --name, or since there are several IN.

    One that is named like a video is a mistake, unless it says that it is a folder.
    """
    if args.output is None:  # of a preview
        return False
    named = args.name != batch.DEFAULT_NAME and not image_pattern.is_pattern(args.output)
    into = (named or is_folder(args.output)) and args.output.suffix.lower() not in CONTAINERS
    first = args.source[0]
    several = is_folder(first) and not is_image_folder(first, batch.VIDEOS)
    return args.into or into or len(args.source) > 1 or several or batch.is_pattern(first)


def as_typed(args: argparse.Namespace) -> str | None:
    """OUT with its slash, for another command line."""
    return f"{args.output}/" if args.into else args.output and str(args.output)


def targets_of(args: argparse.Namespace, sources: Sequence[Path]) -> list[Path]:
    """The output of each file. MediaError or ArgumentError for names that cannot be."""
    if "%" not in args.output.name:  # said otherwise when it is made
        check_folder(args.output, (*CONTAINERS, *READABLE))
    check_options(options_of(args))
    check_values(args)
    return batch.targets(
        sources, args.output, args.name, lambda each: _rate_words(args, each), tuple(CONTAINERS)
    )


def _rate_words(args: argparse.Namespace, source: Path) -> dict[str, str]:
    """What {factor} and {fps} are in the name of a source's output.

    The source is looked at if one of them is wanted that is not asked for: the true one.
    """
    options, wanted = options_of(args), set(batch.fields_of(args.name))
    fps = rational("fps", options["fps"]) if args.fps is not None else None
    factor = rational("factor", options["factor"]) if fps is None else None
    if "factor" in wanted if factor is None else "fps" in wanted:
        try:
            rate = _rate_of(args, source, factor)
        except (RifeError, vs.Error, OSError):  # said when it is its turn, and stops no other file
            rate = None
        if rate is not None:
            factor, fps = factor or (fps or 0) / rate, fps or (factor or 0) * rate
    return {
        "factor": batch.factor_word(factor) if factor else _UNKNOWN,
        # --slow shows the frames of rife() so many times as long
        "fps": batch.fps_word(fps / (args.slow or 1)) if fps else _UNKNOWN,
    }


def _rate_of(args: argparse.Namespace, source: Path, factor: Fraction | None) -> Fraction:
    """Frames per second of a source. factor: of the output's, if that is what is asked for."""
    if is_folder(source):
        return USUAL_RATE if args.fps_in is None else frame_rate("fps_in", args.fps_in)
    facts = probe(source)
    if facts.rates and not varies(facts) and args.before is None:
        return facts.rates[0]
    clip, times = open_source(source, facts)
    if args.before is not None:
        clip, times = run_script(args.before, clip, times)
    if args.cfr and factor is not None and not times.even:
        return constant_rate({"factor": factor}, times) / factor
    return times.rate


def make_folder(folder: Path) -> None:
    """Make the folder for many outputs, if it is not there."""
    if "%" in folder.name and folder.suffix:
        raise MediaError(
            f"{folder} names the images of one input, and there are several; give a folder, "
            "or one input"
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MediaError(
            f"folder {folder} cannot be made: {error.strerror}; OUT is a folder for many files"
        ) from error
