"""What goes on beside the work of a long command: a log, a calmer process, a command at the end."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.messages import note
from vsrife.rendering.told import Told, told
from vsrife.system.running import let_others_go_first

CODE = "VSRIFE_EXIT_CODE"  # what --then can read
NAMES = ("json", "log", "then", "nice")  # of what `add_arguments` adds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("while it runs").add_argument
    add("--json", action="store_true", help="progress and results as lines of JSON on stdout")
    add("--log", metavar="FILE", type=Path, help="add all messages to a file, with times")
    add("--then", metavar="COMMAND", help=f"run at the end, with ${CODE} set; not after Ctrl-C")
    add("--nice", action="store_true", help="let other programs go first")


@contextmanager
def beside(args: argparse.Namespace) -> Iterator[list[int]]:
    """Do what the options say around the work, which puts its exit code into the list.

    `args.told` is what hears all messages meanwhile.
    """
    code = [1]
    if args.nice:
        let_others_go_first()
    try:
        with _logged(args.log) as args.told:
            yield code
    except KeyboardInterrupt:
        raise
    except BaseException:
        _then(args.then, 1)
        raise
    _then(args.then, code[0])


@contextmanager
def _logged(log: Path | None) -> Iterator[Told]:
    if log is not None:
        try:
            log.open("a").close()
        except OSError as error:
            raise MediaError(f"log {log} cannot be written: {error.strerror}") from error
    with told(log) as stream:
        yield stream


def _then(command: str | None, code: int) -> None:
    """Run the user's command in the system's shell; its output must not mix with results."""
    if not command:
        return
    environment = {**os.environ, CODE: str(code)}
    try:
        out = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        out = subprocess.DEVNULL
    done = subprocess.run(command, shell=True, env=environment, stdout=out, check=False)
    if done.returncode:
        note(f"--then ended with code {done.returncode}")
