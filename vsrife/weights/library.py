"""The store's own files: fetched, converted once, verified, removed.

Every change of a model happens under its lock and ends in one os.replace; a process that dies in
between leaves the old state and a temporary file that the next one removes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError, printable
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import ARCHS, DEFAULT_MODEL, EMBEDDED, known_models, state_shapes
from vsrife.weights import folders
from vsrife.weights.catalogue import Model, catalogue
from vsrife.weights.download import Listener, fetch_file, stderr_listener
from vsrife.weights.files import (
    SUFFIXES,
    read_arrays,
    save_weights,
    sha256_of,
)
from vsrife.weights.http import Patience
from vsrife.weights.locate import (
    SOURCE_SHA256,
    by_hand,
    existing,
    find_file,
    find_model,
    is_path,
    missing,
    own_names,
)
from vsrife.weights.readers.safetensors import DIGEST, Array, digest
from vsrife.weights.verify import check_known, check_network, read_records, record


def find_weights(model: str | os.PathLike[str] | None, *, auto_download: bool = False) -> Path:
    """The weights file of what `model_name` accepts; ModelError, with the way out, if missing."""
    name = DEFAULT_MODEL if model is None else model
    if isinstance(name, os.PathLike) or (name not in known_models() and is_path(name)):
        return existing(Path(os.fsdecode(name)).expanduser())
    # no faulty list of the user's own may keep the embedded models from working
    row = Model(name, name, f"{name}.safetensors") if name in EMBEDDED else find_model(name)
    found = find_file(row)
    if found is None and auto_download:
        return fetch_model(row)
    if found is None:
        raise missing(row)
    if not found.kept and not row.embedded:
        check_known(row, found.path)
    return found.path


def fetch_model(
    row: Model,
    *,
    again: bool = False,
    listener: Listener | None = None,
    patience: Patience | None = None,
) -> Path:
    """The row's file in the store, fetched and converted if it is not there.

    again: fetch it even so. ModelError, with every mirror's reason and the way to do it by hand.
    """
    heard = listener or stderr_listener(row.file)
    if row.embedded:
        raise ArgumentError(f"model {row.name!r} is part of the package; it needs no fetching")
    if not row.sources:
        raise ArgumentError(
            f"model {row.name!r} has no address to be fetched from; name its sources in "
            f"{folders.user_catalogue()}, or `vsrife models import FILE --name {row.name}`"
        )
    folder = folders.user_folder()
    folders.make_folder(folder)
    with folders.locked(folder, row.stem, heard.note):
        there = None if again else _there(row, heard.note)
        if there is not None:  # another process was faster, or it was there before
            return there
        folders.sweep(folder, row.kept)

        def accept(part: Path, source: str) -> Path:
            return _accept(row, part, source, heard.note)

        try:
            path = fetch_file(
                row.sources, folder, row.file, accept,
                size=row.size, listener=heard, patience=patience,
            )  # fmt: skip  # one thing, not seven
        except ModelError as error:
            raise ModelError(f"{error}. By hand: {by_hand(row)}") from error
        folders.sweep(folder, row.file)  # what other mirrors have begun
    heard.note(f"{row.name} is ready: {path}")
    return path


def _there(row: Model, note: Callable[[str], None]) -> Path | None:
    """The row's file, if this machine has one that is whole and the right one."""
    found = find_file(row)
    try:
        if found is not None:
            if not found.kept:
                check_known(row, found.path)
            check_network(row, found.path)
    except ModelError as error:
        note(f"fetching {row.name} again: {error}")
        return None
    return found.path if found else None


def _accept(row: Model, part: Path, source: str, note: Callable[[str], None]) -> Path:
    """Turn a fetched file into the store's, if it is what it should be."""
    actual = sha256_of(part)
    expected = row.sha256 or read_records().get(row.file, "")
    if expected and actual != expected:
        raise ModelError(f"its sha256 is {actual} instead of {expected}")
    arch, state = fit(read_arrays(part, Path(row.file).suffix), row.arch, note)
    if row.arch is not None and arch != row.arch:
        raise ModelError(f"it is a network {arch}, and {row.name} is a {row.arch}")
    if not expected:
        record({row.file: actual})
    return keep(row, arch, state, source, actual)


def fit(
    state: Mapping[str, Array], arch: str | None, note: Callable[[str], None]
) -> tuple[str, dict[str, Array]]:
    """The row whose tensors these are, `arch` if that is known, and the tensors.

    Published files hold parts that only training needs, and not all of these are known by name:
    what one row alone leaves over is left out, and said. ModelError as `recognise` gives it.
    """
    plain = normalise(state)
    try:
        return recognise(plain), plain
    except ModelError:
        shapes = {key: value.shape for key, value in plain.items()}.items()
        rows = [arch] if arch else list(ARCHS)
        fitting = [name for name in rows if state_shapes(ARCHS[name]).items() <= shapes]
        if len(fitting) != 1:
            raise
    wanted = state_shapes(ARCHS[fitting[0]])
    surplus = [printable(key) for key in plain if key not in wanted]
    note(f"left out {len(surplus)} tensors that a {fitting[0]} does not have: {surplus[0]}, ...")
    return fitting[0], {key: plain[key] for key in wanted}


def keep(row: Model, arch: str, state: Mapping[str, Array], source: str, sha256: str) -> Path:
    """Write the row's file into the store, with all that is known about where it comes from."""
    path = folders.user_folder() / row.kept
    metadata = {
        "arch": arch,
        "name": row.name,
        "source": printable(source),  # paths may have bytes that are no text
        SOURCE_SHA256: sha256,
        DIGEST: digest(state),
        "licence": row.licence,
        "origin": printable(row.origin),
    }
    save_weights(path, state, metadata)
    return path


def remove_model(row: Model, *, forget: bool = False) -> list[Path]:
    """Remove the row's files from the store's folder, and with `forget` what was recorded."""
    if row.embedded:
        raise ArgumentError(f"{row.name!r} is part of the package and stays")
    folder = folders.user_folder()
    gone = []
    if folder.is_dir():
        folders.make_folder(folder)
        with folders.locked(folder, row.stem, lambda _: None):
            for file in (f"{row.stem}{suffix}" for suffix in SUFFIXES):
                if (folder / file).is_file():
                    (folder / file).unlink()
                    gone.append(folder / file)
            folders.sweep(folder, row.kept)
            folders.sweep(folder, row.file)
        if forget:
            record({f"{row.stem}{suffix}": "" for suffix in SUFFIXES})
    if not gone and not forget:
        raise ModelError(f"model {row.name!r} has no file in {folder}")
    return gone


def fetch_address(address: str, *, listener: Listener | None = None) -> Path:
    """vs-rife's way to fetch a model, by an official file's address."""
    file = address.rpartition("/")[2]
    row = next((row for row in catalogue().values() if row.file == file), None)
    if row is None:
        raise ModelError(
            f"address {address!r:.300} is of no known model; fetch it yourself, then "
            "`vsrife models import FILE`"
        )
    return fetch_model(row, listener=listener)


def all_models() -> list[Model]:
    """Every row, and one for every file of the user's own."""
    return [*catalogue().values(), *(find_model(name) for name in own_names())]
