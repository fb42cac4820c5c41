"""`vsrife render` into a folder: when OUT is one, and what becomes of each file there."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsrife.errors import MediaError
from vsrife.media.parts import check_folder
from vsrife.media.stills import image_pattern
from vsrife.media.stills.image_folder import is_image_folder
from vsrife.media.stills.images import READABLE
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.rendering import batch
from vsrife.rendering.film.timing import read_rate
from vsrife.weights.folders import is_folder

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
    fps = None if args.fps is None else read_rate(args.fps)
    rate = batch.rate_texts("2" if args.factor is None and fps is None else args.factor, fps)
    return batch.targets(sources, args.output, args.name, rate, tuple(CONTAINERS))


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
