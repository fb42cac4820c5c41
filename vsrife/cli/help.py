"""`vsrife help`: the help of a command, or of one group of its options."""

from __future__ import annotations

import argparse

from vsrife import cli
from vsrife.cli.examples import text_of
from vsrife.cli.wording import groups_of
from vsrife.errors import ArgumentError, alike

HELP = """Print the help of a command, of one of its actions, or of one group of its options."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("about", nargs="?", metavar="COMMAND")
    parser.add_argument(
        "part", nargs="*", metavar="PART", help="an action, or a group such as scene changes"
    )


def run(args: argparse.Namespace) -> int:
    if args.about is None:
        print(cli.whole_parser().format_help(), end="")
        return 0
    if args.about not in cli.COMMANDS:
        near = alike(args.about, list(cli.COMMANDS))
        args.parser.error(f"there is no command {args.about!r}{near}")
    parser = cli.parser_of(args.about)
    if args.part:
        print(_part(parser, args.about, " ".join(args.part)), end="")
        return 0
    print(parser.format_help(), end="")
    return 0


def _part(parser: argparse.ArgumentParser, command: str, name: str) -> str:
    """The page of an action or a group. ArgumentError if there is none of that name."""
    actions: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            actions = action.choices
    if name in actions:
        return actions[name].format_help()
    groups = {str(group.title): group for group in groups_of(parser)}
    wanted = name.lower()
    same = [each for title, each in groups.items() if title.lower() == wanted]
    begun = [each for title, each in groups.items() if title.lower().startswith(wanted)]
    if not same and len(begun) != 1:
        known = [*actions, *groups]
        near = alike(name, known, 0.6)  # of few, so that "encoding" is near "encoder"
        raise ArgumentError(f"PART must be one of {', '.join(known)}, not {name!r}{near}")
    group = (same or begun)[0]
    page = parser._get_formatter()
    page.start_section(group.title)
    page.add_text(group.description)
    page.add_arguments(group._group_actions)
    page.end_section()
    page.add_text(text_of(command, str(group.title)))
    return page.format_help()
