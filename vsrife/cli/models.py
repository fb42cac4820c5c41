"""vsrife models: list, describe, fetch, import, verify and remove models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from vsrife import messages
from vsrife.cli import wording
from vsrife.errors import ModelError, RifeError
from vsrife.network.table import ROWS, cost, parameters
from vsrife.weights import catalogue, find, folders, import_folder, library, locate, verify
from vsrife.weights.catalogue import Model
from vsrife.weights.download import Listener, stderr_listener
from vsrife.weights.files import read_metadata

HELP = """Lists models, tells which are on this machine, and fetches or imports others.

Tables and paths go to stdout, everything else to stderr."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    def parser_of(name: str, text: str, *, as_json: bool = True) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text)
        if as_json:
            sub.add_argument("--json", action="store_true", help="for programs, on stdout")
        return sub

    def action(name: str, text: str, *, as_json: bool = True) -> Callable[..., Any]:
        return parser_of(name, text, as_json=as_json).add_argument

    action("list", "all models and where their files are")
    add = action("info", "everything known about a model")
    add("model", metavar="NAME")
    sub = parser_of("fetch", "fetch models that are not on this machine", as_json=False)
    group = sub.add_mutually_exclusive_group(required=True)
    group.add_argument("models", metavar="NAME", nargs="*", default=[])
    group.add_argument("--all", action="store_true", help="every official version, about 900 MB")
    sub.add_argument("--again", action="store_true", help="also models that are there already")
    add = action("import", "import a file of another program into the store")
    add(
        "file",
        metavar="FILE",
        type=Path,
        help="pkl, pth, pt, safetensors, onnx, param, bin; a folder, or comfyui",
    )
    add("--name", help="the model's name, a known one or your own (from the file)")
    add("--arch", help="its network, if several fit")
    add("--replace", action="store_true", help="also if the store has a model of that name")
    add = action("verify", "read models to the last number and check them")
    add("models", metavar="NAME", nargs="*", help="all that are there, if none is named")
    add = action("remove", "remove models from the store", as_json=False)
    add("models", metavar="NAME", nargs="+")
    add("--forget", action="store_true", help="also the SHA-256 that was recorded")
    add = action("path", "where a model's file is, or the folder of all", as_json=False)
    add("model", metavar="NAME", nargs="?")
    add("--config", action="store_true", help="the file for rows of your own instead")


def run(args: argparse.Namespace) -> int:
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list, "info": _info, "fetch": _fetch, "import": _import, "verify": _verify,
        "remove": _remove, "path": _path,
    }  # fmt: skip  # one thing, not seven
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    memory = catalogue.memory()
    rows = [_facts(row, memory) for row in library.all_models()]
    if args.json:
        return _print_json(rows)
    columns = {
        "name": "name", "network": "arch", "Mparam": "parameters", "MAC/px": "macs_per_pixel",
        "MiB 1080p": "memory_fp16", "ensemble": "ensemble", "file": "state",
    }  # fmt: skip  # one thing, not seven
    _print_table(columns, [{title: _cell(f[key]) for title, key in columns.items()} for f in rows])
    messages.note("MiB are of fp16; `vsrife models info NAME` tells more")
    return 0


def _info(args: argparse.Namespace) -> int:
    facts = _facts(locate.find_model(args.model), catalogue.memory())
    if args.json:
        return _print_json(facts)
    lines = {
        "name": facts["name"],
        "network": facts["arch"],
        "good at": facts["good_at"],
        "parameters, millions": _cell(facts["parameters"]),
        "multiply-adds per pixel": _cell(facts["macs_per_pixel"]),
        "memory at 1920x1080": _memory_text(facts),
        "ensemble": _cell(facts["ensemble"]),
        "file": facts["path"] or facts["state"],
        "published as": facts["file"],
        "sources": "\n".join(facts["sources"]),
        "sha256": facts["sha256"],
        "recorded sha256": facts["recorded_sha256"],
        "licence": facts["licence"],
        "origin": facts["origin"],
    }
    for title, text in lines.items():
        for number, line in enumerate(str(text or "").splitlines()):
            print(f"{'' if number else title:25}{line}")
    return 0


def _fetch(args: argparse.Namespace) -> int:
    rows = [row for row in catalogue.catalogue().values() if row.sources and not row.embedded]
    if args.models:
        rows = [locate.find_model(name) for name in args.models]

    def fetch(row: Model) -> None:
        with _listener(row.file) as heard:
            print(library.fetch_model(row, again=args.again, listener=heard))

    return _each(args, rows, fetch)


def _import(args: argparse.Namespace) -> int:
    comfyui = str(args.file).lower() == import_folder.COMFYUI
    if not comfyui and not folders.exists(args.file.expanduser()):
        raise ModelError(
            f"{args.file} does not exist; check its path, or say comfyui for its models"
        )
    outcomes = import_folder.import_all(
        args.file, args.name, arch=args.arch, replace=args.replace,
        listener=stderr_listener(args.file.name),
        imported=lambda outcome: None if args.json else _tell(outcome),
    )  # fmt: skip  # one thing, not six
    if args.json:
        found: list[dict[str, str]] = [
            {"name": each.model.name, "path": str(each.path)}
            if each.model
            else {"file": str(each.file), "error": each.error}
            for each in outcomes
        ]
        _print_json(found[0] if len(found) == 1 else found)
    return int(not any(each.model for each in outcomes))


def _tell(outcome: import_folder.Outcome) -> None:
    if outcome.model is None:
        messages.error(outcome.error)
        return
    print(outcome.path)
    name = outcome.model.name
    messages.say(f"imported as {name!r}: rife(clip, model={name!r})")


def _verify(args: argparse.Namespace) -> int:
    rows = [locate.find_model(name) for name in args.models]
    if not rows:
        rows = [row for row in library.all_models() if locate.find_file(row)]
    results = []
    for row in rows:
        try:
            results.append({"name": row.name, "ok": True, "result": verify.verify_model(row)})
        except RifeError as error:
            results.append(
                {"name": row.name, "ok": False, "result": wording.of(error, args.parser)}
            )
    if args.json:
        _print_json(results)
    else:
        _print_table(
            ("name", "", "result"),
            [
                {"name": str(r["name"]), "": "ok" if r["ok"] else "BAD", "result": str(r["result"])}
                for r in results
            ],
        )
    return int(not all(result["ok"] for result in results))


def _remove(args: argparse.Namespace) -> int:
    def remove(row: Model) -> None:
        for path in library.remove_model(row, forget=args.forget):
            print(path)

    return _each(args, [locate.find_model(name) for name in args.models], remove)


def _path(args: argparse.Namespace) -> int:
    if args.config:
        print(folders.user_catalogue())
    elif args.model:
        print(find.find_weights(args.model))
    else:
        print(folders.user_folder())
    return 0


def _each(args: argparse.Namespace, rows: Sequence[Model], work: Callable[[Model], None]) -> int:
    """Do `work` for every row, even after one has failed; 1 if any has."""
    failed = 0
    for row in rows:
        try:
            work(row)
        except (RifeError, OSError) as error:
            if len(rows) == 1:
                raise
            messages.error(f"{row.name}: {wording.of(error, args.parser)}")
            failed = 1
    return failed


def _facts(row: Model, memory: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """What is known about a model, in the form of `--json`; unknown is None or empty."""
    found = locate.find_file(row)
    arch = row.arch
    if arch is None and found is not None:
        arch = read_metadata(found.path).get("arch")
    known = ROWS.get(arch or "")
    arch = arch if known else None
    half, single = memory.get(arch or "", (None, None))
    state = "absent"
    if found is not None:
        mine = folders.user_folder() in found.path.parents
        state = "embedded" if row.embedded else "ready" if mine else "found"
    return {
        "name": row.name,
        "arch": arch,
        "good_at": row.good_at,
        "parameters": parameters(known) if known else None,
        "macs_per_pixel": cost(known) if known else None,
        "memory_fp16": half,
        "memory_fp32": single,
        "ensemble": known.ensemble if known else None,
        "state": state,
        "path": str(found.path) if found else None,
        "file": row.file,
        "sources": list(row.sources),
        "sha256": row.sha256,
        "recorded_sha256": verify.read_records().get(row.file, ""),
        "size": row.size,
        "licence": row.licence,
        "origin": row.origin,
    }


def _memory_text(facts: dict[str, Any]) -> str:
    if facts["memory_fp16"] is None:
        return ""
    return f"{facts['memory_fp16']} MiB in fp16, {facts['memory_fp32']} MiB in fp32, and overhead"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value >= 100_000:
        return f"{value / 1e6:.2f}"
    return f"{value:,.0f}".replace(",", " ") if isinstance(value, float) else str(value)


def _print_json(value: object) -> int:
    print(json.dumps(value, indent=1))
    return 0


def _print_table(titles: Sequence[str] | dict[str, str], rows: Sequence[dict[str, str]]) -> None:
    """A table with lines on a terminal if rich is installed, else columns of text."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.table import Table
        except ModuleNotFoundError:  # an extra; the store works without it
            pass
        else:
            table = Table(*titles)
            for row in rows:
                table.add_row(*(row[title] for title in titles))
            Console().print(table)
            return
    widths = {t: max(len(t), *(len(row[t]) for row in rows), 0) for t in titles}
    for row in ({title: title for title in titles}, *rows):
        print("  ".join(row[title].ljust(widths[title]) for title in titles).rstrip())


@contextmanager
def _listener(file: str) -> Iterator[Listener]:
    """A progress bar on a terminal if rich is installed, else lines on stderr."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
    except ModuleNotFoundError:
        yield stderr_listener(file)
        return
    console = Console(file=cast(IO[str], messages.Voice()))
    if not console.is_terminal:
        yield stderr_listener(file)
        return
    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console) as bar:
        task = bar.add_task("")
        yield Listener(
            lambda text: bar.console.print(text, markup=False, highlight=False),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
