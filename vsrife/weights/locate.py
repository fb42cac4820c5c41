"""Finds the weights file of a model by its name."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError
from vsrife.network.table import DEFAULT_MODEL, known_models, suggest
from vsrife.weights import folders
from vsrife.weights.catalogue import Model, catalogue, is_name
from vsrife.weights.files import ELSEWHERE, GRAPHS, IN_FOLDER, SUFFIXES, hint, read_metadata

SOURCE_SHA256 = "source_sha256"  # in the metadata of files that the store has written


@dataclass(frozen=True)
class Found:
    """A file with a model's weights. kept: written by the store, which checks it by its digest."""

    path: Path
    kept: bool


def model_name(model: object) -> str | None:
    """The version or row that `model` names; None if only the file tells.

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
    if is_path(model):
        return None
    return find_model(model).arch


def find_model(name: str) -> Model:
    """The row of that name, or of a file that was imported under it; ArgumentError if none."""
    rows = catalogue()
    if name in rows:
        return rows[name]
    if is_name(name) and folders.is_file(folders.user_folder() / f"{name}.safetensors"):
        return Model(name, file=f"{name}.safetensors")
    with suppress(ModelError):  # a name that no file could have
        if name and folders.is_folder(Path(name)):  # an empty path would be the current folder
            raise ArgumentError(_is_a_folder(Path(name)))
        if folders.is_file(Path(name)):
            raise ArgumentError(_is_another_kind(Path(name)))
    names = (*rows, *own_names())
    raise ArgumentError(
        f"model must be one of the {len(names)} names of `vsrife models list`, or the path of a "
        f"weights file, not {name!r}{suggest(name, names)}"
    )


def own_names() -> list[str]:
    """Names of files that the user has imported and that are no known model."""
    stems = {row.stem for row in catalogue().values()}
    files = sorted(folders.user_folder().glob("[!.]*.safetensors"))
    names = [file.stem for file in files if file.is_file() and is_name(file.stem)]
    return [name for name in names if name not in stems]


def find_file(row: Model) -> Found | None:
    """The row's weights on this machine: in the store, then put there by hand or by vs-rife."""
    if row.embedded:
        return Found(folders.embedded_file(row.kept), kept=False)
    for folder in (folders.user_folder(), *folders.other_folders()):
        for suffix in SUFFIXES:
            path = folder / f"{row.stem}{suffix}"
            # vs-rife's wheel leaves empty files in place of models that were never fetched
            if folders.is_file(path) and path.stat().st_size:
                return Found(path, SOURCE_SHA256 in read_metadata(path))
    return None


def missing(row: Model) -> ModelError:
    """The error for a model that is not on this machine: what to fetch, and where to put it."""
    fetching = f"run `vsrife models fetch {row.name}`, or in a script say auto_download=True, or "
    return ModelError(
        f"model file has not been downloaded: {row.file}; {by_hand(row)}; or "
        f"{fetching if row.sources else ''}leave out model= for the embedded one"
    )


def by_hand(row: Model) -> str:
    """How to get the model without fetching."""
    known = f" (sha256 {row.sha256})" if row.sha256 else ""
    address = f"fetch {row.sources[0]}{known}" if row.sources else f"get {row.file}{known}"
    return f"{address} and put it into {folders.user_folder()}"


def is_path(text: str) -> bool:
    """Whether a model's name is the path of a file."""
    known = (*SUFFIXES, *GRAPHS, *ELSEWHERE)
    return Path(text).suffix.lower() in known or bool(set("/\\") & set(text))


def existing(path: Path) -> Path:
    """`path`; ModelError if it is not a file."""
    if folders.is_folder(path):
        raise ModelError(_is_a_folder(path))
    if not folders.is_file(path):
        raise ModelError(f"model file {path} does not exist; check its path")
    return path


def _is_another_kind(path: Path) -> str:
    """The message for a file where a name is asked for, or one whose suffix no reader has."""
    known = ", ".join((*SUFFIXES, *GRAPHS))
    if path.suffix.lower() in (*SUFFIXES, *GRAPHS):
        return (
            f"model must be a name of `vsrife models list`, and {path} is a file, which is "
            "used as it is; `vsrife models import` gives it a name"
        )
    way_out = hint(path) or "; rename it if it is one of these"
    return f"model file {path} must end in {known}, not {path.suffix!r}{way_out}"


def _is_a_folder(path: Path) -> str:
    """The message for a folder as a model, with what to do about what is in it."""
    way_out = "name the file in it"
    for name in IN_FOLDER:
        if folders.is_file(path / name):
            suffix = Path(name).suffix
            way_out = ELSEWHERE[suffix] if suffix in ELSEWHERE else f"name {path / name}"
    return f"model file {path} is a folder; {way_out}"
