"""vsrife render: video files in, smoother ones out, with their sound."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import vapoursynth as vs

from vsrife.cli import at_end, before_render, presets, wording
from vsrife.cli.heard import heard
from vsrife.cli.render_arguments import add_all
from vsrife.cli.render_folder import is_many, make_folder, targets_of
from vsrife.cli.render_task import (
    apply_preset,
    check_values,
    note_rate,
    options_of,
    task_of,
)
from vsrife.cli.rife_options import rehearse
from vsrife.errors import ArgumentError, RifeError, alike
from vsrife.media.parts import sweep
from vsrife.media.writing.encoder_table import ENCODERS
from vsrife.messages import counted, note, say
from vsrife.messages import error as say_error
from vsrife.rendering import batch
from vsrife.rendering.film.left_out import note_left_out
from vsrife.rendering.film.source_film import facts_of
from vsrife.rendering.jobs import job as jobs
from vsrife.rendering.jobs.work import join_in
from vsrife.rendering.one_file import Outcome, render_file
from vsrife.rendering.progress import Progress, emit, listener
from vsrife.weights.folders import is_folder

HELP = """Make video files smoother.

New frames between those of IN, as video into OUT (.mkv, .mp4, .mov ...). Sound,
subtitles and attachments are copied. OUT appears when it is complete, never
before. After a crash or Ctrl-C, the same command goes on where it was.

  vsrife render in.mkv -o out.mkv --fps 60
  vsrife render *.mkv -o smooth/ --factor 2 --preset-for anime"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_all(parser)


def run(args: argparse.Namespace) -> int:
    _check_usage(args)
    if args.clean:
        return _clean(args)
    if args.join is not None:
        return _join(args)
    with at_end.beside(args) as code, heard(args.parser):
        apply_preset(args)
        if args.estimate or args.preview is not None:
            return before_render.run(args)
        code[0] = _render_many(args) if is_many(args) else _render_one(args)
    return code[0]


def _check_usage(args: argparse.Namespace) -> None:
    """What argparse does not find: words that are missing, or do not go together."""
    if args.join is not None:
        if len(args.source) > 1 or args.output is not None:
            raise ArgumentError("--join takes one IN at most, and no OUT")
        used = ("join", "source", *at_end.NAMES)
        others = [option for name, option in wording.given(args).items() if name not in used]
        if others:
            raise ArgumentError(
                f"--join helps a render with that one's options; leave out {', '.join(others)}"
            )
        return
    if args.no_scene_changes and (args.sc, args.sc_threshold) != (None, None):
        raise ArgumentError("--no-scene-changes and --sc or --sc-threshold exclude each other")
    known = {name for row in ENCODERS.values() if row.presets for name in row.presets.names}
    if args.preset is not None and args.preset not in known:
        if args.preset in presets.PRESETS:
            near = f"; for a kind of film say --preset-for {args.preset}"
        else:
            near = alike(args.preset, sorted(known))
        if near:  # else the encoder says what it has
            raise ArgumentError(f"--preset is for encoders, and none has {args.preset!r}{near}")
    if args.output is None and (args.preview is None or args.clean):
        args.parser.error("the following arguments are required: -o/--output")
    if not args.source and not args.clean:
        args.parser.error("the following arguments are required: IN")


def _render_one(args: argparse.Namespace) -> int:
    task = task_of(args, args.source[0], args.output)
    if args.name != batch.DEFAULT_NAME:
        note("--name is for a folder OUT, and has nothing to act on")
    facts = facts_of(task)
    note_rate(args, facts)
    note_left_out(task, facts)  # before a device is woken
    kept = rehearse(options_of(args))
    begin = time.perf_counter()
    with listener(as_json=args.json) as progress:
        outcome = render_file(task, progress)
    _say_done(args, task.target, outcome, time.perf_counter() - begin)
    del kept
    return 0


def _say_done(args: argparse.Namespace, target: Path, outcome: Outcome, seconds: float) -> None:
    say(f"{target}: {counted(outcome.frames, 'frame')} in {seconds:.1f} s")
    if args.json:
        emit(phase="done", output=str(target), frames=outcome.frames, seconds=round(seconds, 1))


def _render_many(args: argparse.Namespace) -> int:
    """Render files into a folder; the exit code is 1 if one has failed."""
    sources = batch.expand(args.source)
    found = targets_of(args, sources)
    check_values(args, found)
    note_rate(args)
    make_folder(args.output)
    kept = rehearse(options_of(args))  # what is wrong with an option is wrong for all files
    with listener(as_json=args.json) as progress:
        rows = []
        for row in batch.run_all(
            list(zip(sources, found, strict=True)),
            lambda source, target: _render_of_many(args, source, target, progress),
            overwrite=args.overwrite,
            on_error=lambda error: _in_words(error, args),
        ):
            rows.append(row)
            _say_row(args, row)
    if not args.json:
        sys.stdout.write(batch.as_table(rows))
    del kept
    lost = batch.failed(rows)
    if lost:
        say_error(f"{lost} of {counted(len(rows), 'file')} failed; the lines above say why")
    return 1 if lost else 0


def _render_of_many(
    args: argparse.Namespace, source: Path, target: Path, progress: Progress
) -> int:
    args.told.forget()  # notes of the file before are not of this one
    return render_file(task_of(args, source, target), progress).frames


def _say_row(args: argparse.Namespace, row: batch.Row) -> None:
    if row.state == "done":
        say(f"{row.target}: {counted(row.frames, 'frame')} in {row.seconds:.1f} s")
    elif row.state == "skipped":
        say(f"{row.target} exists, skipped; --overwrite makes it anew")
    else:
        named = str(row.source) in row.text
        say_error(row.text if named else f"{row.source}: {row.text}")
    if args.json:
        emit(
            phase=row.state,
            input=str(row.source),
            output=str(row.target),
            frames=row.frames,
            seconds=round(row.seconds, 1),
            text=row.text,
        )


def _in_words(error: Exception, args: argparse.Namespace) -> str:
    """One line for an error of a file; bugs are raised again."""
    if not isinstance(error, RifeError | vs.Error | OSError | UnicodeError):
        raise error
    return wording.of(error, args.parser)


def _join(args: argparse.Namespace) -> int:
    """Help another render. IN: where its source is on this machine."""
    with at_end.beside(args) as code, listener(as_json=args.json) as progress:
        made = join_in(args.join, args.source[0] if args.source else None, progress)
        say(f"{args.join}: {counted(made, 'frame')} made here")
        code[0] = 0
    return 0


def _clean(args: argparse.Namespace) -> int:
    """Remove what failed renders have left: segments, and files in progress of dead processes."""
    if args.source and is_many(args):
        targets = targets_of(args, batch.expand(args.source))
    elif args.into or is_folder(args.output):
        raise ArgumentError("--clean of a folder OUT needs IN, too: the films whose outputs it has")
    else:
        targets = [args.output]
    removed = False
    for target in targets:
        size = jobs.clean(target)
        if size is not None:
            say(f"removed {jobs.folder_of(target)}, {size / 1e6:.1f} MB")
            removed = True
    for folder in dict.fromkeys(target.parent for target in targets):
        count = sweep(folder)
        if count:
            say(f"removed {counted(count, 'unfinished file')} of processes that have ended")
            removed = True
    if not removed:
        say(f"there is nothing to remove for {args.output}")
    return 0
