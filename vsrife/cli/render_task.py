"""The command line of `vsrife render` as tasks, each checked before a file is opened."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsrife.checks import frame_rate, read_rate
from vsrife.cli import presets, rife_options
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.parts import check_target
from vsrife.media.source import Facts
from vsrife.media.stills.image_folder import USUAL_RATE, is_image_folder
from vsrife.media.stills.image_pattern import check_pattern, is_pattern
from vsrife.media.stills.image_writer import KINDS
from vsrife.media.writing import encoders
from vsrife.media.writing.encoder_table import CONTAINERS
from vsrife.media.writing.encoding import STRETCH, Encoding
from vsrife.messages import note
from vsrife.rendering import batch
from vsrife.rendering.film.ramp import read_ramp
from vsrife.rendering.film.side_clips import check_clips
from vsrife.rendering.film.span import read_span
from vsrife.rendering.film.timing import cheaper_rate, check_rate
from vsrife.rendering.jobs import shared
from vsrife.rendering.jobs.cluster import check_installed
from vsrife.rendering.jobs.job import is_joining
from vsrife.rendering.jobs.local import MOST
from vsrife.rendering.task import AUTO, Task
from vsrife.weights.folders import exists, is_file, is_folder

_MOST_SLOW = 64


def task_of(args: argparse.Namespace, source: Path, target: Path) -> Task:
    """The task for one file. Errors name the option: what is typed comes first, then files."""
    check_values(args)
    options = options_of(args)
    rife_options.check_options(options)
    _check_ending(target)
    encoding = _encoding(args, target)
    check_paths(source, target, args.overwrite)
    if args.segments is not None:
        shared.check(args.segments)
    return Task(
        source=source,
        target=target,
        options=options,
        encoding=encoding,
        overwrite=args.overwrite,
        span=read_span(args.start, args.end, args.count),
        before=args.before,
        after=args.after,
        cfr=args.cfr,
        slow=args.slow or 1,
        rate_in=_rate_in(args, source, target),
        ramp=None if args.times is None else read_ramp(args.times),
        loop=args.loop,
        on_error=args.on_error,
        workers=args.workers,
        dask=args.dask,
        segments=args.segments,
    )


def check_values(args: argparse.Namespace, targets: Sequence[Path] = ()) -> None:
    """Find values that are wrong whatever the file: for many files, before the first one.

    targets: their outputs; what an encoder refuses for all of their endings is wrong, too.
    """
    for script in (args.before, args.after):
        if script is not None and not is_file(script):
            raise MediaError(f"{script} does not exist or is no file; give a script (.vpy)")
    check_clips(rife_options.given(args))
    if args.slow is not None and not 1 < args.slow <= _MOST_SLOW:
        raise ArgumentError(f"slow must be 2 to {_MOST_SLOW}, not {args.slow}")
    _check_times(args)
    if args.fps is not None:
        check_rate("fps", frame_rate("fps", args.fps))
    if args.audio == STRETCH and args.slow is None and args.times is None:
        raise ArgumentError(
            "--audio stretch goes with --slow or --times; copy keeps the sound as it is"
        )
    if args.dask is not None:
        check_installed()
    if args.segments is not None:
        shared.check_address(args.segments)
    if args.workers != AUTO and not 1 <= args.workers <= MOST:
        raise ArgumentError(
            f"workers must be 1 to {MOST} or auto, not {args.workers}; one works on all cores "
            "already"
        )
    batch.check_name(args.name)
    read_span(args.start, args.end, args.count)
    if args.times is not None:
        read_ramp(args.times)
    _check_endings(args, targets)


def _check_endings(args: argparse.Namespace, targets: Sequence[Path]) -> None:
    """ArgumentError if no target can be encoded so; that of one is an error of its file."""
    refused = []
    endings = {target.suffix.lower(): target for target in targets}
    for target in endings.values():
        try:
            _encoding(args, target)
        except ArgumentError as error:
            refused.append(error)
    if refused and len(refused) == len(endings):
        raise refused[0]


def _encoding(args: argparse.Namespace, target: Path) -> Encoding:
    """How OUT is encoded. ArgumentError for options of encoders where images are written."""
    if not is_pattern(target):
        of_preset = presets.sets_for(args, target)
        return encoders.from_args(argparse.Namespace(**{**vars(args), **of_preset}), target)
    given = {
        "encoder": args.encoder, "crf": args.crf, "preset": args.preset, "bitrate": args.bitrate,
        "max-size": args.max_size, "pipe": args.pipe,
        "encoder-options": args.encoder_options or None,
        "audio": None if args.audio in ("copy", "none") else args.audio,
        "subtitles": None if args.subtitles in ("copy", "none") else args.subtitles,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(f"{name} is for films, and {target.name} are images; leave it out")
    return Encoding(audio="none", subtitles="none")


def _rate_in(args: argparse.Namespace, source: Path, target: Path) -> Fraction:
    """The rate of a folder of images."""
    if args.fps_in is None:
        if is_folder(source) and not is_pattern(target):
            note(f"images have no rate; {USUAL_RATE} per second is assumed, --fps-in sets it")
        return USUAL_RATE
    if not is_folder(source):
        raise ArgumentError("fps_in is for folders of images; a film has its own rate")
    return frame_rate("fps_in", args.fps_in)


def _check_times(args: argparse.Namespace) -> None:
    """ArgumentError for options that say otherwise than a file of times."""
    if args.times is None:
        return
    part = "the file of times says which part is shown and how fast"
    others = {
        "slow": (args.slow, part), "start": (args.start, part), "end": (args.end, part),
        "count": (args.count, part),
        "shutter": (args.shutter, "no motion blur fits a speed that changes"),
    }  # fmt: skip
    for name, (value, reason) in others.items():
        if value is not None:
            raise ArgumentError(f"--times and --{name} exclude each other; {reason}")


def apply_preset(args: argparse.Namespace) -> None:
    """Fill options that the user has not given from a preset, and say which."""
    if args.preset_for is None:
        return
    found = presets.sets(args)
    of_encoder = presets.sets_for(args, args.output or Path("out.mkv"))
    note(presets.describe(args.preset_for, found | of_encoder))
    for name, value in found.items():
        setattr(args, name, "yes" if value is True and name == "sc" else value)


def note_rate(args: argparse.Namespace, facts: Facts | None = None) -> None:
    """Say what --fps is taken as, and which rate would cost less.

    facts: of the source, if there is only one.
    """
    if args.fps is None:
        return
    rate = read_rate(args.fps)
    if rate != args.fps:
        note(f"--fps {args.fps} is taken as {rate}")
    if facts is None or not facts.rates or varies(facts) or args.slow is not None:
        return
    with suppress(ValueError, ZeroDivisionError):  # no rate: refused later, in words
        near = cheaper_rate(facts.rates[0], Fraction(rate))
        if near is not None:
            note(
                f"--fps {near} would keep every frame of IN and make fewer new ones: IN has "
                f"{float(facts.rates[0]):.6g} fps, and --fps {args.fps} is no multiple of it"
            )


def varies(facts: Facts) -> bool:
    """Whether the rate of a file varies: FFmpeg's guess is then that of its shortest frames."""
    first, *others = facts.rates
    return any(abs(other / first - 1) > Fraction(1, 100) for other in others)


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """rife()'s keyword arguments from the command line's."""
    options = rife_options.DEFAULTS | rife_options.given(args)
    if args.no_scene_changes:
        options["sc"] = False
    if args.fps is not None:
        # --fps is OUT's rate, and --slow shows the frames of rife() so many times as long
        return options | {"fps": str(frame_rate("fps", args.fps) * (args.slow or 1))}
    return options | {"factor": str(args.slow or 2) if args.factor is None else args.factor}


def _check_ending(target: Path) -> None:
    if is_pattern(target) or target.suffix.lower() in CONTAINERS:
        return
    kinds = KINDS if "%" in target.name else CONTAINERS  # images, or a film
    text = f"{target} must end in {', '.join(kinds)}, not {target.suffix!r}"
    if not target.suffix:
        text += f"; a folder has a slash at its end: {target}/"
    raise MediaError(text)


def check_paths(source: Path, target: Path, overwrite: bool) -> None:
    if not is_file(source) and not is_image_folder(source):
        raise MediaError(
            f"{source} does not exist or is no file; IN must be a video file or a folder of images"
        )
    if is_pattern(target):
        check_pattern(target, source, overwrite=overwrite or is_joining(target))
        return
    if not is_folder(target.parent):
        raise MediaError(f"folder {target.parent} does not exist; make it first")
    if exists(target) and target.samefile(source):
        raise MediaError(f"{target} is the input, too; OUT must be another file")
    check_target(target, overwrite=overwrite)
