"""vsrife render: a video file in, a smoother one out, with its sound."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import vapoursynth as vs

from vsrife.errors import ArgumentError, MediaError
from vsrife.filter import rife
from vsrife.media.encode import CONTAINERS, PRESETS, Beside, Encoding, write_part
from vsrife.media.parts import check_target, whole_file
from vsrife.media.source import Facts, for_encoder, open_source, probe, progressive
from vsrife.media.timestamps import stretched_times
from vsrife.messages import Voice, note, say
from vsrife.weights.folders import exists, is_file, is_folder

_ONE_THREAD = "threads=1"  # what BestSource says that helps where its frames have come apart

HELP = """Make a video file smoother.

New frames between those of IN, as H.264 into OUT (.mkv, .mp4 or .mov). Sound, subtitles and
attachments are copied. OUT appears when it is complete, never before."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", metavar="IN", type=Path, help="a video file")
    add("-o", "--output", metavar="OUT", type=Path, required=True, help="the file to write")
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument("--factor", metavar="F", help="output rate : input rate, as 3 or 5/2 (2)")
    rate.add_argument("--fps", metavar="RATE", help="frames per second, as 60 or 60000/1001")
    add("--model", help="a model's name or a weights file (the embedded model)")
    add("--scale", type=float, default=1.0, help="resolution for motion; 0.5 suits 4K (1)")
    add("--ensemble", action="store_true", help="estimate both ways: slower, a little better")
    cuts = parser.add_mutually_exclusive_group()
    cuts.add_argument(
        "--sc-threshold", metavar="T", type=float, default=0.15, help="what is a cut, 0...1 (0.15)"
    )
    cuts.add_argument(
        "--no-scene-changes", action="store_true", help="interpolate across cuts, too"
    )
    add("--backend", help="pytorch, onnx or openvino (the fastest that is installed)")
    add("--device", help="cuda, cuda:1, cpu, ... (the best there is)")
    add("--crf", type=int, default=18, help="quality, 0 (lossless) ... 51 (18)")
    add("--preset", choices=PRESETS, default="medium", help="slower makes smaller files (medium)")
    add("--overwrite", action="store_true", help="replace OUT if it exists")


def run(args: argparse.Namespace) -> int:
    _check_paths(args.source, args.output, args.overwrite)
    if not 0 <= args.crf <= 51:
        raise ArgumentError(f"crf must be a whole number from 0 to 51, not {args.crf}")
    facts = probe(args.source)
    options = rife_options(args)
    # Finds every wrong option before the file is indexed; kept, so that its network is used again.
    rehearsal = rife(
        vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=2), **options
    )
    # made before the film is read, which takes a while: a folder may not be writable
    with whole_file(args.output, overwrite=args.overwrite) as part:
        try:
            _render(args, facts, options, part)
        except vs.Error as error:
            if _ONE_THREAD not in str(error):
                raise
            note("the decoder has lost its way in a damaged place; once more with one thread")
            _render(args, facts, options, part, threads=1)
    del rehearsal
    return 0


def _render(
    args: argparse.Namespace, facts: Facts, options: dict[str, Any], part: Path, threads: int = 0
) -> None:
    note(f"reading {args.source}, which takes a while for a long one")
    clip, times = open_source(args.source, facts, threads)
    smooth = rife(progressive(clip), **options)
    if args.fps is not None and not times.constant:
        note("the frame rate varies, and will do so in OUT; --fps is its mean")
    factor = Fraction(smooth.fps) / Fraction(clip.fps)
    with _progress(args.output, smooth.num_frames) as on_frame:
        write_part(
            for_encoder(smooth),
            part,
            stretched_times(times, factor),
            Encoding(crf=args.crf, preset=args.preset),
            CONTAINERS[args.output.suffix.lower()],
            Beside(args.source, facts.track, facts.about),
            on_frame,
        )


def rife_options(args: argparse.Namespace) -> dict[str, Any]:
    """rife()'s keyword arguments from the command line's."""
    rate = {"factor": 2 if args.factor is None else args.factor}
    if args.fps is not None:
        rate = {"fps": args.fps}
    return {
        **rate,
        "model": args.model,
        "backend": args.backend,
        "device": args.device,
        "scale": args.scale,
        "ensemble": args.ensemble,
        "sc": not args.no_scene_changes,
        "sc_threshold": args.sc_threshold,
    }


def _check_paths(source: Path, target: Path, overwrite: bool) -> None:
    if not is_file(source):
        raise MediaError(f"{source} does not exist or is no file; IN must be a video file")
    if target.suffix.lower() not in CONTAINERS:
        raise MediaError(f"{target} must end in {', '.join(CONTAINERS)}, not {target.suffix!r}")
    if not is_folder(target.parent):
        raise MediaError(f"folder {target.parent} does not exist; make it first")
    if exists(target) and target.samefile(source):
        raise MediaError(f"{target} is the input, too; OUT must be another file")
    check_target(target, overwrite=overwrite)


@contextmanager
def _progress(target: Path, total: int) -> Iterator[Callable[[int], None]]:
    """Tells how far it is on stderr: a bar on a terminal, else a line for every tenth."""
    begin = time.perf_counter()
    if Voice().isatty():
        with _bar(total) as on_frame:
            yield on_frame
    else:
        yield lambda done: _say(done, total, time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    say(f"{target}: {total} frames in {seconds:.1f} s")


def _say(done: int, total: int, seconds: float) -> None:
    if done * 10 // total == (done - 1) * 10 // total or done == total:
        return
    left = seconds / done * (total - done)
    say(f"{done}/{total} frames, {done / max(seconds, 1e-9):.2f} fps, {left:.0f} s left")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    begin = time.perf_counter()
    speed = TextColumn("{task.fields[speed]:.2f} fps")
    columns = (BarColumn(), MofNCompleteColumn(), speed, TimeLeft())
    with Progress(*columns, console=Console(file=cast(IO[str], Voice()))) as bar:
        task = bar.add_task("", total=total, speed=0.0)
        yield lambda done: bar.update(
            task, completed=done, speed=done / max(time.perf_counter() - begin, 1e-9)
        )
