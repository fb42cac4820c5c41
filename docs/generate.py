"""Writes the tables of the documentation that repeat what the code says: `python docs/generate.py`.

A page marks such a part with `<!-- generated: NAME -->` and `<!-- end -->`. tests/docs fails while
a page differs from what this makes.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vsrife import arguments
from vsrife.cli import COMMANDS
from vsrife.filter import rife
from vsrife.network.table import ARCHS, VERSIONS, cost, known_models, parameters

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PART = re.compile(r"(?<=<!-- generated: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
PROGRAM = "vsrife"
HELP_AND_ACTIONS = (argparse._HelpAction, argparse._SubParsersAction)


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def models() -> Iterator[str]:
    """One row for each model that ships or is known by name."""
    yield "| model | M parameters | MAC per pixel | MiB, fp16 | MiB, fp32 | ensemble | note |"
    yield "|---|---|---|---|---|---|---|"
    data = _toml("models/models.toml")
    for name in known_models():
        row = VERSIONS.get(name, name)
        arch, memory = ARCHS[row], data["memory"][row]
        cells = [
            f"`{name}`",
            f"{parameters(arch) / 1e6:.2f}",
            f"{cost(arch):,.0f}".replace(",", " "),
            str(memory["fp16"]),
            str(memory["fp32"]),
            "yes" if arch.ensemble else "no",
            data["model"][name]["good_at"],
        ]
        yield f"| {' | '.join(cells)} |"


def parameters_of_rife() -> Iterator[str]:
    """One row for each parameter of rife(), in their order."""
    head, line, *rows = arguments.as_markdown().splitlines()
    order = list(inspect.signature(rife).parameters)
    yield head
    yield line
    yield from sorted(rows, key=lambda row: order.index(row.split("`")[1]))


def extras() -> Iterator[str]:
    """One row for each extra of pyproject.toml: the packages that it installs."""
    project = _toml("pyproject.toml")["project"]
    yield "| extra | packages |"
    yield "|---|---|"
    yield f"| (none) | {_packages(project['dependencies'])} |"
    for name, packages in project["optional-dependencies"].items():
        yield f"| `{name}` | {_packages(packages)} |"


def _packages(requirements: list[str]) -> str:
    return ", ".join(f"`{text}`" for text in requirements)


def commands() -> Iterator[str]:
    """A section for each command: how it is called, and its options."""
    for name, command in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"{PROGRAM} {name}")
        importlib.import_module(command.module).add_arguments(parser)
        yield f"## {PROGRAM} {name}"
        yield ""
        yield f"{_sentence(command.help)}: `{' '.join(_call(parser))}`"
        yield from _tables(parser)
        yield ""


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _call(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The words of a call: positional arguments, and options that must be given."""
    yield parser.prog
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield "ACTION"
        elif not action.option_strings:
            word = _positional(action)
            more = {"*": f"[{word}...]", "+": f"{word}...", "?": f"[{word}]"}
            yield more.get(str(action.nargs), word)
        elif action.required:
            yield f"{action.option_strings[0]} {_value(action)}".rstrip()


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return str(action.metavar or action.dest.upper())


def _positional(action: argparse.Action) -> str:
    return str(action.metavar or action.dest)


def _tables(parser: argparse.ArgumentParser) -> Iterator[str]:
    options = [
        action
        for action in parser._actions
        if not isinstance(action, HELP_AND_ACTIONS) and (action.help or action.option_strings)
    ]
    if options:
        yield ""
        yield "| option | meaning |"
        yield "|---|---|"
    for action in options:
        yield f"| {', '.join(_names(action))} | {_meaning(action)} |"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield ""
                yield f"`{' '.join(_call(child))}`: {child.description}."
                yield from _tables(child)


def _names(action: argparse.Action) -> list[str]:
    """An option's names, the last one with its value; the word of a positional argument."""
    if not action.option_strings:
        return [f"`{_positional(action)}`"]
    *others, last = action.option_strings
    value = "" if action.choices is not None else _value(action)  # choices are in the meaning
    return [*(f"`{name}`" for name in others), f"`{f'{last} {value}'.rstrip()}`"]


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "") % vars(action)
    if action.choices is not None:
        names = [str(choice) for choice in action.choices]
        if not all(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
            text = f"{', '.join(names)}; {text}".removesuffix("; ")
    return text.replace("|", "\\|")


def quality() -> Iterator[str]:
    """One row for each method whose quality was measured beside that of nano."""
    yield "| method | filmed | drawn | seconds for a new frame of 640x360, OpenVINO | measured in |"
    yield "|---|---|---|---|---|"
    for row in _toml("docs/pictures/figures.toml")["quality"]:
        seconds = f"{row['seconds']:.3f}" if row["seconds"] else ""
        page = f"[{Path(row['source']).name}](../../{row['source']})"
        cells = [row["name"], f"{row['filmed']:+.2f}", f"{row['drawn']:+.2f}", seconds, page]
        yield f"| {' | '.join(cells)} |"


def examples() -> Iterator[str]:
    """One row for each script in examples/: the first sentence of its first comment."""
    yield "| script | shows |"
    yield "|---|---|"
    for path in sorted((ROOT / "examples").iterdir()):
        if path.suffix in (".py", ".vpy"):
            words = re.sub(r"\s*\n#\s*", " ", path.read_text(encoding="utf-8")).lstrip('#" ')
            sentence = re.split(r"[.:](?:\s|$)", words, maxsplit=1)[0]
            yield f"| [{path.name}](../../examples/{path.name}) | {_lower(sentence)} |"


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[0].lower() + text[1:]  # not HDR


PARTS = {
    "quality": quality,
    "examples": examples,
    "models": models,
    "extras": extras,
    "commands": commands,
    "parameters": parameters_of_rife,
}


def renewed(text: str) -> str:
    """A page with its generated parts as they must be now."""

    def part(found: re.Match[str]) -> str:
        lines = "\n".join(PARTS[found[1]]()).strip()
        return f"{found[1]}{found[2]}\n{lines}\n\n"

    return PART.sub(part, text)


if __name__ == "__main__":
    for path in DOCS.rglob("*.md"):
        old = path.read_text(encoding="utf-8")
        if (new := renewed(old)) != old:
            path.write_text(new, encoding="utf-8", newline="\n")
            print(path)
