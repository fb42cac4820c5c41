"""What `vsrife render` tells before the work: an estimate and a preview."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from vsrife.cli.render_folder import as_typed, is_many, targets_of
from vsrife.cli.render_task import task_of
from vsrife.errors import MediaError
from vsrife.media.parts import check_target
from vsrife.media.stills.image_folder import is_image_folder
from vsrife.messages import counted, say
from vsrife.rendering.batch import VIDEOS, expand
from vsrife.rendering.estimate import as_table, estimate
from vsrife.rendering.film.source_film import Source, facts_of, open_film_source
from vsrife.rendering.preview import preview
from vsrife.rendering.progress import emit, listener
from vsrife.rendering.task import Task
from vsrife.system.quoting import command_line
from vsrife.weights.folders import is_folder

_NOT_AGAIN = ("estimate", "preview", "json", "help")


def run(args: argparse.Namespace) -> int:
    """Write what is asked for; OUT itself is not written."""
    several = is_folder(args.source[0]) and not is_image_folder(args.source[0], VIDEOS)
    sources = args.source if several else expand(args.source)
    if len(sources) != 1 or several:
        raise MediaError("--estimate and --preview are for one file; name one")
    if args.preview is not None:
        if args.preview.suffix.lower() != ".png":
            raise MediaError(f"--preview {args.preview} must end in .png")
        if not is_folder(args.preview.parent):
            raise MediaError(f"folder {args.preview.parent} does not exist; make it first")
        check_target(args.preview, overwrite=args.overwrite)
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        target = args.output or Path(folder) / "out.mkv"
        if is_many(args):  # a folder that need not exist
            target = Path(folder) / targets_of(args, sources)[0].name
        task = task_of(args, sources[0], target)
        source = _opened(task, args)
        if args.preview is not None:
            rows = preview(task, source, args.preview)
            say(f"{args.preview}: {counted(rows, 'pair')}, each with the new frame in the middle")
        if args.estimate:
            _estimate(args, task, source)
    return 0


def _opened(task: Task, args: argparse.Namespace) -> Source:
    with listener(as_json=args.json) as progress:
        progress.begin("read", 100)
        return open_film_source(task, facts_of(task), on_read=progress.update)


def _estimate(args: argparse.Namespace, task: Task, source: Source) -> None:
    found = estimate(task, source)
    if not found:
        raise MediaError("no backend can render this; see the notes above")
    command = command_line(command_of(args, backend=found[0].backend, output=as_typed(args)))
    if args.json:
        for each in found:
            emit(phase="estimate", **each._asdict())
        emit(phase="command", command=command)
        return
    sys.stdout.write(f"{as_table(found)}\n{command}\n")


def command_of(args: argparse.Namespace, **instead: object) -> list[str]:
    """The command line for the same render, with other values for some options."""
    words = ["vsrife", "render", *map(str, args.source)]
    for action in args.parser._actions:
        value = instead.get(action.dest, getattr(args, action.dest, None))
        if not action.option_strings or action.dest in _NOT_AGAIN or value == action.default:
            continue
        name = max(action.option_strings, key=len)
        if action.nargs == 0 and (isinstance(value, str) or isinstance(action.const, str)):
            words += [name] * (value == action.const)  # one option for each word
            continue
        if isinstance(value, bool):
            on = [option for option in action.option_strings if not option.startswith("--no-")]
            off = [option for option in action.option_strings if option.startswith("--no-")]
            words += (on or [name])[-1:] if value else off[-1:]
        else:
            values = value if isinstance(value, list) else [value]
            for each in values:
                words += [name, str(each)]
    return words
