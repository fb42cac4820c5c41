"""The command line: `vsrife COMMAND ...`, the same as `python -m vsrife COMMAND ...`.

Results go to stdout, everything else to stderr. Exit codes, which scripts may rely on:

    0    done
    1    failed; the last line of stderr is `vsrife: error: ...` and says why: a value that is not
         allowed, options that exclude each other, and all that goes wrong later
    2    not understood: unknown command or option, missing argument, a word too many
    130  interrupted (Ctrl-C)

A command is a module with `HELP: str`, `add_arguments(parser) -> None` and `run(args) -> int`.
It is imported only when it is the chosen one.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import NamedTuple, NoReturn

from vsrife import messages
from vsrife.cli import examples, signals, stdout, wording
from vsrife.errors import ArgumentError, RifeError, needing
from vsrife.version import __version__

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Command(NamedTuple):
    module: str
    help: str  # one line for `vsrife --help`, which imports no command
    extra: str  # what to install if the module's imports are missing


COMMANDS: dict[str, Command] = {
    "render": Command("vsrife.cli.render", "make a video file smoother", "cli,onnx"),
    "demo": Command("vsrife.cli.demo", "draw a short clip, make it smoother, measure", "cli,onnx"),
    "between": Command("vsrife.cli.between", "make the pictures between two pictures", "cli,onnx"),
    "scenes": Command("vsrife.cli.scenes", "score scene changes and duplicates", "cli"),
    "compare": Command("vsrife.cli.compare", "compare films frame by frame, as a page", "cli"),
    "script": Command("vsrife.cli.script", "write a script for a video file", "cli"),
    "export": Command("vsrife.cli.export", "write a model for other programs", "onnx"),
    "doctor": Command("vsrife.cli.doctor", "say what is installed and what works", ""),
    "bench": Command("vsrife.cli.bench", "compare the speed of backends", "onnx"),
    "build": Command("vsrife.cli.build", "prepare engines ahead of time", "onnx"),
    "quantize": Command("vsrife.cli.quantize", "make a model compute in INT8", "onnx,cli"),
    "models": Command("vsrife.cli.models", "list, fetch, import and verify models", ""),
    "train": Command("vsrife.cli.train", "train a network of ours", "train"),
    "eval": Command("vsrife.cli.eval", "measure models on clips with known truth", "eval"),
    "help": Command("vsrife.cli.help", "print the help of a command or of a group of options", ""),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: the process's) and give its exit code. Raises nothing but bugs."""
    if argv is None:
        _fill_standard_streams()
    with signals.ending(_end_at_once) as ending:
        code = _guarded(list(sys.argv[1:] if argv is None else argv), ending)
        if argv is None:
            ending.finish(code)
    return code


def _guarded(arguments: list[str], ending: signals.Ending) -> int:
    """Run a command; everything that may go wrong is one line and an exit code."""
    parser = None  # of the command
    try:
        try:
            args, module = _parse(arguments)
            parser = args.parser
            code = USAGE if module is None else _run(args, module)
        except SystemExit as stop:  # how argparse ends after --help and after usage errors
            code = stop.code if isinstance(stop.code, int) else FAILED
        if sys.stdout:
            sys.stdout.flush()  # what goes wrong here is still said below
        return code
    except BrokenPipeError:  # who reads has seen enough, as `head` does
        stdout.silence()
        return FAILED
    except KeyboardInterrupt:
        messages.say("interrupted")
        return INTERRUPTED
    except Exception as error:
        if ending.interrupted:  # what the interrupt became on its way, in an import for one
            messages.say("interrupted")
            return INTERRUPTED
        if not isinstance(error, _said_in_one_line()):
            raise
        messages.error(wording.of(error, parser))
        return FAILED


def _said_in_one_line() -> tuple[type[Exception], ...]:
    from vapoursynth import Error  # not before it is needed: loading it takes its time

    # UnicodeError: a name in an encoding that something does not take
    return RifeError, Error, OSError, UnicodeError


def _end_at_once() -> NoReturn:
    """What is left to do where nothing else can run: remove the files in progress."""
    if "vsrife.media.parts" in sys.modules:
        sys.modules["vsrife.media.parts"].release_all()
    messages.say("interrupted")
    signals.leave(INTERRUPTED)


def _fill_standard_streams() -> None:
    """Put what leads nowhere where stdin, stdout or stderr is closed, and let names be printed.

    The next file that is opened would take the free number, and C code would print into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                # the lowest free number is taken, which is this one
                os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
    if sys.stdout is None:  # closed when Python began
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- for the process
    stdout.take_all_names()
    stdout.name_failures()


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, ModuleType | None]:
    """The parsed command line, and the command's module; None where no command is given."""
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    parser, module = _parsers(chosen)
    for word in arguments:
        if "\0" in word:  # no shell gives one, and each part of the system takes it otherwise
            raise ArgumentError(f"{word!r:.300} has a null character; leave it out")
    args = parser.parse_args(arguments)
    if module is None:
        parser.print_help(messages.Voice())
    return args, module


def whole_parser() -> argparse.ArgumentParser:
    """The parser of `vsrife` itself, which knows the names of all commands."""
    return _parsers(None)[0]


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command, with all its options."""
    parser, _ = _parsers(name)
    choices: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            choices = action.choices
    return choices[name]


def _parsers(chosen: str | None) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """The whole parser, in which `chosen` has its options, and the module of that command."""
    parser = wording.Parser(
        prog="vsrife",
        description="RIFE frame interpolation.",
        epilog="`vsrife help COMMAND` prints the options of a command, `vsrife help COMMAND GROUP` "
        "one group of them. "
        "exit codes: 0 done, 1 failed, 2 command line not understood, 130 interrupted",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vsrife {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    module = None
    for name, command in COMMANDS.items():
        if name == chosen:
            module = _load(name)
            own = commands.add_parser(
                name,
                help=command.help,
                description=getattr(module, "HELP", command.help),
                allow_abbrev=False,  # --over must not be --overwrite
                formatter_class=wording.HelpFormatter,
            )
            module.add_arguments(own)
            if name != "render":
                own.hint = _of_render
            ends = (wording.about_groups(own, name), examples.text_of(name))
            own.epilog = "\n\n".join(filter(None, ends)) or None
        else:
            commands.add_parser(name, help=command.help, add_help=False)
    return parser, module


def _of_render(options: list[str]) -> str:
    """The end of a message about options that another command lacks, where `render` has them."""
    with suppress(RifeError):  # a package is missing
        known = parser_of("render")._option_string_actions
        found = [each for each in options if each in known]
        return f"; `vsrife render` has {' '.join(found)}" if found else ""
    return ""


def _run(args: argparse.Namespace, module: ModuleType) -> int:
    with needing(args.command, COMMANDS[args.command].extra):
        return int(module.run(args))


def _load(name: str) -> ModuleType:
    with needing(name, COMMANDS[name].extra):
        return importlib.import_module(COMMANDS[name].module)
