"""vsrife doctor: what is installed, what works, and the next command for what does not."""

from __future__ import annotations

import argparse
import json
import sys

from vsrife.diagnosis.advice import advise
from vsrife.diagnosis.diagnosis import LIMIT, diagnose
from vsrife.diagnosis.shown import as_plain, as_text
from vsrife.errors import ArgumentError
from vsrife.messages import say

HELP = """Say what is installed and what works.

Looks at VapourSynth, vspipe, source filters, backends and their devices, models
and caches. Each backend that is installed makes a frame, in a process of its
own. What is missing comes with the next command. The text can be pasted into a
report: it has no user's name and no home folder.

The exit code is 0 if anything here can make a frame, else 1.

  vsrife doctor"""

_LONGEST = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--json", action="store_true", help="for programs, on stdout")
    add(
        "--limit",
        type=float,
        default=LIMIT,
        metavar="SECONDS",
        help=f"cut off what takes longer ({LIMIT:g})",
    )


def run(args: argparse.Namespace) -> int:
    if not 0 < args.limit <= _LONGEST:
        raise ArgumentError(
            f"limit must be more than 0 and at most {_LONGEST:g} seconds, not {args.limit:g}"
        )
    found = diagnose(args.limit, _tell)
    steps = advise(found)
    if args.json:
        print(json.dumps(as_plain(found, steps), indent=1))
    else:
        sys.stdout.write(as_text(found, steps))
    return 0 if found.works else 1


def _tell(part: str) -> None:
    """To people who wait, not into files."""
    if part.startswith("backend") and sys.stderr is not None and sys.stderr.isatty():
        say(f"trying {part}")
