"""Checks that a weights file is the right one: its SHA-256 and its network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from vsrife.errors import ModelError, printable
from vsrife.network.state_dict import recognise
from vsrife.weights import folders
from vsrife.weights.catalogue import Model
from vsrife.weights.files import read_arrays, read_metadata, sha256_of
from vsrife.weights.locate import SOURCE_SHA256, find_file, missing

RECORDS = "sha256.json"  # file name -> SHA-256 at its first use, where none is known


def verify_model(row: Model) -> str:
    """Read the row's file to its last number and say what it is; ModelError if it is damaged."""
    found = find_file(row)
    if found is None:
        raise missing(row)
    if not found.kept and not row.embedded:
        check_known(row, found.path)
    check_network(row, found.path)
    if row.embedded:
        return "embedded, whole"
    if not found.kept:
        return "published file" if row.sha256 and found.path.name == row.file else "as first used"
    metadata = read_metadata(found.path)
    official = metadata[SOURCE_SHA256] == (row.sha256 or read_records().get(row.file))
    if official:
        return "published file, converted" if row.sha256 else "as first fetched, converted"
    return printable(metadata.get("origin", "imported"))


def check_known(row: Model, path: Path) -> None:
    """ModelError if an unconverted file does not have the SHA-256 that is known for its name.

    If none is published, the first one seen is recorded and holds from then on.
    """
    actual = sha256_of(path)
    published = row.sha256 if path.name == row.file else ""
    records = read_records()
    expected = published or records.get(path.name, "")
    if expected and actual != expected:
        whose = "of the published file" if published else "recorded at its first use"
        raise ModelError(
            f"model file {path} has sha256 {actual}, not {expected} {whose}; fetch it again, or "
            f"take it as it is with `vsrife models import {path} --name {row.name}`"
        )
    if not expected and os.access(folders.user_folder(), os.W_OK):
        check_network(row, path)  # else the SHA-256 of a broken file would hold
        record({path.name: actual})


def check_network(row: Model, path: Path) -> str:
    """The network of the row's file, read to its last number; ModelError if it is another one."""
    arch = recognise(read_arrays(path))
    if row.arch is not None and arch != row.arch:
        raise ModelError(f"model file {path} is a network {arch}; {row.name} is a {row.arch}")
    return arch


def read_records() -> dict[str, str]:
    path = folders.user_folder() / RECORDS
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if folders.is_file(path) else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}); remove it") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is damaged; remove it")
    return {str(key): str(value) for key, value in content.items()}


def record(changes: Mapping[str, str]) -> None:
    """Add to the records; an empty value takes one away."""
    path = folders.user_folder() / RECORDS
    with folders.locked(path.parent, RECORDS, lambda _: None):
        folders.sweep(path.parent, RECORDS)
        content = {k: v for k, v in {**read_records(), **changes}.items() if v}
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        folders.write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
