"""The known models: models.toml of the package, and one of the user's own in the config folder.

vsrife/network/table.py lists the versions and their networks; these files list where their weights
are and facts about them. They are data; nothing here fetches.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from vsrife.errors import ModelError
from vsrife.network.table import EMBEDDED, ROWS, VERSIONS, known_models
from vsrife.weights import folders
from vsrife.weights.files import GRAPHS, SUFFIXES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # of Windows
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Model:
    """A row: name, network, where its file is, and facts about that file.

    arch: a row of the table, None if only the tensors tell; file: name at the sources; sources:
    addresses of the same file, in order; sha256, size: of that file, empty and None if unknown.
    """

    name: str
    arch: str | None = None
    file: str = ""
    sources: tuple[str, ...] = ()
    sha256: str = ""
    size: int | None = None
    licence: str = ""
    origin: str = ""
    good_at: str = ""

    @property
    def embedded(self) -> bool:
        return self.name in EMBEDDED

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.file[: -len(Path(self.file).suffix)]

    @property
    def kept(self) -> str:
        """Name of the file in the store."""
        return f"{self.stem}.safetensors"


_TYPES = {field.name: str for field in fields(Model)} | {"sources": list, "size": int}


def catalogue() -> dict[str, Model]:
    """All rows by name: embedded, official, then the user's; ModelError names a faulty row."""
    rows = _rows(_read(folders.embedded_folder / folders.CATALOGUE), {}, "the package")
    ordered = {name: rows[name] for name in known_models() if name in rows}
    own = folders.user_catalogue()
    return _rows(_read(own), ordered, str(own)) if folders.is_file(own) else ordered


def memory() -> dict[str, tuple[int, int]]:
    """MiB that a row's network takes for 1920x1080, in fp16 and in fp32; see models.toml."""
    table = _read(folders.embedded_folder / folders.CATALOGUE)["memory"]
    return {name: (entry["fp16"], entry["fp32"]) for name, entry in table.items()}


def is_name(name: str) -> bool:
    """Whether it can name a model and be part of a file name."""
    return bool(_NAME.fullmatch(name)) and not _DEVICES.match(name) and not name.endswith(".")


def check_name(name: str) -> str:
    """`name` if it can name a model; ModelError if not, or if rife() would take it for a path."""
    if name.lower().endswith((*SUFFIXES, *GRAPHS)):
        raise ModelError(f"model name {name!r:.100} means a file; leave out its ending")
    return _checked_name(name)


def _checked_name(name: str) -> str:
    if not is_name(name):
        raise ModelError(
            f"model name {name!r:.100} must be letters, digits, '.', '_' and '-' (80 at most) "
            "and begin with a letter or digit"
        )
    return name


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad writes the mark
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"list of models {path} cannot be read ({error})") from error


def _rows(data: Mapping[str, Any], known: dict[str, Model], where: str) -> dict[str, Model]:
    """`known` and the rows of one file, which may change those of the same name."""
    rows, families, entries = dict(known), data.get("family", {}), data.get("model", {})
    if not isinstance(families, dict) or not isinstance(entries, dict):
        raise ModelError(f"rows in the models of {where} must begin with [model.NAME]")
    for name, entry in entries.items():
        try:
            if "family" in entry and entry["family"] not in families:
                raise ModelError(f"family {entry['family']!r} is not in that file")
            family = families[entry["family"]] if "family" in entry else {}
            rows[name] = row = _row(check_name(name), family, entry, rows.get(name))
            _check_stem(row, rows)
        except (ModelError, TypeError, AttributeError) as error:
            raise ModelError(f"row {name!r} in the models of {where} is faulty: {error}") from error
    return rows


def _check_stem(row: Model, rows: Mapping[str, Model]) -> None:
    """ModelError if another row's file has the same place in the store, also on Windows."""
    for other in rows.values():
        if other.name != row.name and other.stem.lower() == row.stem.lower():
            raise ModelError(
                f"its file {row.file!r} has the name of {other.name}'s; name it otherwise, "
                "which its sources need not follow"
            )


def _row(
    name: str, family: Mapping[str, Any], entry: Mapping[str, Any], before: Model | None
) -> Model:
    model = before or Model(name, VERSIONS.get(name, name if name in ROWS else None))
    given: dict[str, Any] = {}
    sources: list[str] = []
    for key, value in (*family.items(), *entry.items()):
        if key == "family":
            continue
        if key not in _TYPES or key == "name":
            raise ModelError(f"{key!r} is no field of a model")
        if not issubclass(type(value), _TYPES[key]):
            raise ModelError(f"{key} must be a {_TYPES[key].__name__}, not {value!r}")
        if key == "sources":
            sources += map(str, value)
        else:
            given[key] = value
    given["file"] = file = _checked_name(
        given.get("file", model.file or f"{name}.safetensors").replace("{name}", name)
    )
    if sources:
        given["sources"] = tuple(check_source(s.replace("{file}", file)) for s in sources)
    if "sha256" in given:
        given["sha256"] = given["sha256"].lower()  # as PowerShell does not print it
    if "origin" in given:
        given["origin"] = given["origin"].replace("{name}", name)
    row = replace(model, **given)
    if Path(file).suffix not in SUFFIXES:
        raise ModelError(f"file must be one of {', '.join(SUFFIXES)}, not {file!r}")
    if row.arch is not None and row.arch not in ROWS:
        raise ModelError(f"arch must be one of {', '.join(ROWS)}, not {row.arch!r}")
    if name in VERSIONS and row.arch != VERSIONS[name]:
        raise ModelError(f"arch of an official version is {VERSIONS[name]}, not {row.arch}")
    if row.sha256 and not _SHA256.fullmatch(row.sha256):
        raise ModelError(f"sha256 must be 64 digits of 0-9 and a-f, not {row.sha256!r}")
    return row


def check_source(address: str) -> str:
    """`address` if it is https or on this machine; else ModelError."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_local(host))):
        return address
    raise ModelError(f"address {address!r:.300} must begin with https://")


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or bool(re.fullmatch(r"127\.\d+\.\d+\.\d+", host))
