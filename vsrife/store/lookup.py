"""From what the user calls a model to the file with its weights. Fetches only if told to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError
from vsrife.net.table import DEFAULT_MODEL, EMBEDDED, known_models, suggest
from vsrife.net.weights import recognise
from vsrife.store import folders
from vsrife.store.catalogue import Model, catalogue, is_name
from vsrife.store.files import GRAPHS, SUFFIXES, read_arrays, read_metadata, sha256_of

RECORDS = "sha256.json"  # file name -> SHA-256 at its first use, where none is known
SOURCE_SHA256 = "source_sha256"  # in the metadata of files that the store has written


@dataclass(frozen=True)
class Found:
    """A file with a model's weights. kept: written by the store, which checks it by its digest."""

    path: Path
    kept: bool


def model_name(model: object) -> str | None:
    """The version or row that `model` means; None if its file tells.

    model: a name ("nano", "4.25.lite", one of the user's), a path, or None for the embedded
    default. ArgumentError, with the nearest names, for anything else.
    """
    if model is None:
        return DEFAULT_MODEL
    if not isinstance(model, str | os.PathLike):
        raise ArgumentError(
            f"model must be a name such as '4.25' or the path of a weights file, not {model!r}"
        )
    if isinstance(model, os.PathLike):
        return None
    if model in known_models():
        return model
    if _is_path(model):
        return None
    return find_model(model).arch


def find_weights(model: str | os.PathLike[str] | None, *, auto_download: bool = False) -> Path:
    """The weights file of what `model_name` accepts; ModelError, with the way out, if missing."""
    name = DEFAULT_MODEL if model is None else model
    if isinstance(name, os.PathLike) or (name not in known_models() and _is_path(name)):
        return _existing(Path(os.fsdecode(name)).expanduser())
    # no faulty list of the user's own may keep the embedded models from working
    row = Model(name, name, f"{name}.safetensors") if name in EMBEDDED else find_model(name)
    found = find_file(row)
    if found is None and auto_download:
        from vsrife.store.keep import fetch_model

        return fetch_model(row)
    if found is None:
        raise missing(row)
    if not found.kept and not row.embedded:
        check_known(row, found.path)
    return found.path


def find_model(name: str) -> Model:
    """The row of that name, or of a file that was imported under it; ArgumentError if none."""
    rows = catalogue()
    if name in rows:
        return rows[name]
    if is_name(name) and folders.is_file(folders.user_folder() / f"{name}.safetensors"):
        return Model(name, file=f"{name}.safetensors")
    names = (*rows, *own_names())
    raise ArgumentError(
        f"model must be one of {', '.join(names)}, or the path of a weights file, "
        f"not {name!r}{suggest(name, names)}"
    )


def own_names() -> list[str]:
    """Names under which the user has imported files that are no known model's."""
    stems = {row.stem for row in catalogue().values()}
    files = sorted(folders.user_folder().glob("[!.]*.safetensors"))
    names = [file.stem for file in files if file.is_file() and is_name(file.stem)]
    return [name for name in names if name not in stems]


def find_file(row: Model) -> Found | None:
    """The row's weights on this machine: the store's own, then any left by hand or by vs-rife."""
    if row.embedded:
        path = folders.embedded_folder / row.kept
        if not path.is_file():
            raise ModelError(f"model file {path} does not exist; vsrife is not installed whole")
        return Found(path, kept=False)
    for folder in (folders.user_folder(), *folders.other_folders()):
        for suffix in SUFFIXES:
            path = folder / f"{row.stem}{suffix}"
            # vs-rife's wheel leaves empty files in place of models that were never fetched
            if folders.is_file(path) and path.stat().st_size:
                return Found(path, SOURCE_SHA256 in read_metadata(path))
    return None


def missing(row: Model) -> ModelError:
    """The error for a model that is not on this machine: what to fetch, and where to put it."""
    fetching = f"run `vsrife models fetch {row.name}`, or set auto_download=True, or "
    return ModelError(
        f"model file has not been downloaded: {row.file}; {by_hand(row)}; or "
        f"{fetching if row.sources else ''}leave out model= for the embedded one"
    )


def by_hand(row: Model) -> str:
    """What the user can do where nothing can be fetched."""
    known = f" (sha256 {row.sha256})" if row.sha256 else ""
    address = f"fetch {row.sources[0]}{known}" if row.sources else f"get {row.file}{known}"
    return f"{address} and put it into {folders.user_folder()}"


def check_known(row: Model, path: Path) -> None:
    """ModelError if a file that nobody has converted is not the one that is known by its name.

    Where no SHA-256 is published the first one seen is recorded, and holds from then on.
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
        check_network(row, path)  # or the hash of a broken file would hold
        record({path.name: actual})


def check_network(row: Model, path: Path) -> str:
    """The network of the row's file, read to its last number; ModelError if that is another one."""
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


def _is_path(text: str) -> bool:
    return Path(text).suffix.lower() in (*SUFFIXES, *GRAPHS) or bool(set("/\\") & set(text))


def _existing(path: Path) -> Path:
    if not folders.is_file(path) and path.is_dir():
        raise ModelError(f"model file {path} is a folder; name the file in it")
    if not folders.is_file(path):
        raise ModelError(f"model file {path} does not exist; check its path")
    return path
