"""The options of `vsrife render`, grouped by task."""

from __future__ import annotations

import argparse
from pathlib import Path

from vsrife.cli import at_end, presets, rife_options
from vsrife.cli.render_folder import Output
from vsrife.media.writing import encoders
from vsrife.rendering.batch import DEFAULT_NAME, FIELDS
from vsrife.rendering.film.unreadable import KINDS
from vsrife.rendering.task import AUTO


def add_all(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", metavar="IN", type=Path, nargs="*",
        help="video files, folders of them, or folders of images")  # fmt: skip
    add("-o", "--output", metavar="OUT", action=Output,
        help="the file to write, a folder/, or %%05d.png")  # fmt: skip
    parser.set_defaults(into=False)
    add("--overwrite", action="store_true", help="replace OUT if it exists")
    fields = " ".join("{" + name + "}" for name in FIELDS)
    add(
        "--name",
        metavar="TEMPLATE",
        default=DEFAULT_NAME,
        help=f"names in the folder OUT, from {fields} ({DEFAULT_NAME})",
    )
    add("--clean", action="store_true", help="remove what a failed render of OUT has left")
    add(
        "--preset-for",
        choices=presets.PRESETS,
        help="options that suit a kind of film; your own options come first",
    )
    add("--estimate", action="store_true", help="say how long it takes and how large it gets")
    add("--preview", metavar="PNG", type=Path, help="ten pairs of frames with what comes between")
    _add_time(parser)
    rife_options.add_arguments(parser)
    encoders.add_arguments(parser)
    _add_scripts(parser)
    _add_workers(parser)
    at_end.add_arguments(parser)


def _add_time(parser: argparse.ArgumentParser) -> None:
    room = parser.add_argument_group("time")
    rate = room.add_mutually_exclusive_group()
    rate.add_argument("--factor", metavar="F", help="output rate : input rate, as 3 or 5/2 (2)")
    rate.add_argument("--fps", metavar="RATE", help="frames per second: 60, 59.94 or 60000/1001")
    add = room.add_argument
    add("--cfr", action="store_true", help="a constant rate, where that of IN varies")
    add("--fps-in", metavar="RATE", help="images per second of a folder of images (24)")
    add(
        "--slow",
        metavar="N",
        type=int,
        help="N times as long; factor N; no sound but --audio stretch",
    )
    add("--times", metavar="FILE", type=Path, help="speed ramps: lines as `3s 10s`, place and time")
    add("--loop", action="store_true", help="the first frame follows the last one")
    add("--start", metavar="PLACE", help="first source frame: 240, 10s, 1:30 or 0:01:30.5")
    add("--end", metavar="PLACE", help="the source frame after the last one")
    add("--count", metavar="LENGTH", help="number of source frames, or seconds, instead of --end")
    add("--no-scene-changes", action="store_true", help="the same as --sc no")
    add(
        "--on-error",
        choices=KINDS,
        default="stop",
        help="for frames that cannot be read: stop, repeat the one before, or make new ones (stop)",
    )


def _add_workers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("many workers").add_argument
    add(
        "--workers",
        metavar="N",
        type=_workers,
        default=1,
        help="processes on this machine; auto: as many as pay (1)",
    )
    add("--dask", metavar="ADDRESS", help="workers of a Dask scheduler, as host:8786")
    add(
        "--segments",
        metavar="ADDRESS",
        help="share segments at s3://bucket/films or the like, not beside OUT",
    )
    add(
        "--join",
        metavar="FOLDER",
        help="help the render whose segments are in FOLDER or at an address, perhaps of another "
        "machine",
    )


def _workers(text: str) -> int:
    return AUTO if text == "auto" else int(text)


_workers.__name__ = "whole number or auto"  # as the parser names it in its error


def _add_scripts(parser: argparse.ArgumentParser) -> None:
    room = parser.add_argument_group("scripts")
    for name in ("before", "after"):
        room.add_argument(
            f"--{name}",
            metavar="FILE.vpy",
            type=Path,
            help=f"filters {name} rife(), which change the global `clip`",
        )
