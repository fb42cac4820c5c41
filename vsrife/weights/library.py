"""Files of the store: fetched, converted once, removed.

A model changes under its lock and by one os.replace. A process that dies before that leaves the old
file, and a temporary one that the next process removes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError, printable
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import ROWS, state_shapes
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
    find_file,
    find_model,
    own_names,
)
from vsrife.weights.readers.safetensors import DIGEST, Array, digest
from vsrife.weights.verify import check_known, check_network, read_records, record


def fetch_model(
    row: Model,
    *,
    again: bool = False,
    listener: Listener | None = None,
    patience: Patience | None = None,
) -> Path:
    """The row's file in the store; fetched and converted if it is not there.

    again: fetch it even if it is there. ModelError has the reason of every mirror, and how to get
    the file by hand.
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
        if there is not None:  # another process was faster, or it had been there
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
        folders.sweep(folder, row.file)  # parts from other mirrors
    heard.note(f"{row.name} is ready: {path}")
    return path


def _there(row: Model, note: Callable[[str], None]) -> Path | None:
    """The row's file, if this machine has it whole and it is the right one; else None."""
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
    """Convert a fetched file into one of the store; ModelError if it is the wrong one."""
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
    """The row that these tensors belong to, and its tensors. arch: the row, if known.

    Published files may hold tensors that only training needs, and not all of these are known by
    name: if exactly one row fits, others are left out, with a note. ModelError as of `recognise`.
    """
    plain = normalise(state)
    try:
        return recognise(plain), plain
    except ModelError:
        shapes = {key: value.shape for key, value in plain.items()}.items()
        rows = [arch] if arch else list(ROWS)
        fitting = [name for name in rows if state_shapes(ROWS[name]).items() <= shapes]
        if len(fitting) != 1:
            raise
    wanted = state_shapes(ROWS[fitting[0]])
    surplus = [printable(key) for key in plain if key not in wanted]
    note(f"left out {len(surplus)} tensors that a {fitting[0]} does not have: {surplus[0]}, ...")
    return fitting[0], {key: plain[key] for key in wanted}


def keep(row: Model, arch: str, state: Mapping[str, Array], source: str, sha256: str) -> Path:
    """Write the row's file into the store, with its origin as metadata."""
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
    """Remove the row's files from the store; forget: and the SHA-256 that was recorded."""
    if row.embedded:
        raise ArgumentError(f"{row.name!r} is part of the package and stays")
    folder = folders.user_folder()
    gone = []
    if folders.is_folder(folder):
        folders.make_folder(folder)
        with folders.locked(folder, row.stem, lambda _: None):
            for file in (f"{row.stem}{suffix}" for suffix in SUFFIXES):
                if folders.is_file(folder / file):
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
    """Every row, and one for every file that the user has imported."""
    return [*catalogue().values(), *(find_model(name) for name in own_names())]
