"""Imports files of other programs: vs-rife, ComfyUI, Practical-RIFE, vs-mlrt and ncnn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError
from vsrife.network.table import ROWS, VERSIONS
from vsrife.weights import folders
from vsrife.weights.catalogue import Model, catalogue, check_name
from vsrife.weights.download import Listener, stderr_listener
from vsrife.weights.files import ELSEWHERE, IN_FOLDER, SUFFIXES, hint, read_content, sha256_of
from vsrife.weights.fitting import states_of
from vsrife.weights.library import keep
from vsrife.weights.readers.file_kinds import why_refused
from vsrife.weights.readers.safetensors import Array

_PAIR = (".param", ".bin")  # of ncnn
IMPORTED = (*SUFFIXES, ".onnx", *_PAIR)
# flownet_v4.25.lite, rife_v4.26_heavy, rife49, rife-v4.22-lite_ensembleFalse
_VERSION = re.compile(r"(?:rife|flownet)[-_]?v?4\.?(\d{1,2})(?:[-_.](lite|heavy))?")


def import_model(
    path: Path,
    name: str | None = None,
    *,
    arch: str | None = None,
    replace: bool = False,
    listener: Listener | None = None,
) -> tuple[Model, Path]:
    """Take a file into the store: .safetensors, .pkl, .pth, .pt, .onnx, or ncnn's .param and .bin.

    name: a known model or a new name; None if the file tells. arch: the row, if several fit.
    replace: also if the store has a model of that name. Returns the row and the new file.
    """
    heard = listener or stderr_listener(path.name)
    source = _source_file(path)
    states = states_of(source, heard.note)
    if arch is not None:
        states = {arch: states[arch]} if arch in states else _no_such(source, arch, states)
    row = _row_for(source, name, states)
    fitting = [row.arch] if row.arch in states else list(states)
    if len(fitting) != 1:
        raise ModelError(
            f"{source} fits several networks, {' and '.join(fitting)}: their graphs look the same; "
            "say which with --arch, or give the --name of an official version"
        )
    folder = folders.user_folder()
    folders.make_folder(folder)
    with folders.locked(folder, row.stem, heard.note):
        if folders.exists(folder / row.kept) and not replace:
            raise ModelError(
                f"model {row.name!r} is in the store already, {folder / row.kept}; "
                "--replace it, or choose another --name"
            )
        folders.sweep(folder, row.kept)
        origin = Model(row.name, row.arch, row.file, origin=f"imported from {source.name}")
        state = states[fitting[0]]
        try:
            found = keep(origin, fitting[0], state, str(source), sha256_of(source))
        except OSError as error:
            raise folders.disk_error(folder, row.kept, error) from error
    return row, found


def read_graph(path: Path) -> tuple[str, dict[str, Array]]:
    """Row and weights of an ONNX file.

    ModelError if they fit no row, or several and its name does not say which.
    """
    states = states_of(path, lambda text: None)
    name = guess_name(path, states)
    rows = [VERSIONS[name]] if name else list(states)
    if len(rows) != 1:
        raise ModelError(
            f"{path} fits several networks, {' and '.join(rows)}: their graphs look the same; "
            f"import it with `vsrife models import {path} --arch ...`"
        )
    return rows[0], states[rows[0]]


def _source_file(path: Path) -> Path:
    """The file; `path` may also be its folder, or the .bin of a pair."""
    file = path.expanduser()
    if folders.is_folder(file):
        inside = [file / name for name in IN_FOLDER if folders.is_file(file / name)]
        if len(inside) != 1:
            raise ModelError(f"{file} is a folder without {' or '.join(IN_FOLDER)}; name the file")
        file = inside[0]
    if file.suffix.lower() not in IMPORTED and not folders.exists(file):
        raise ModelError(f"{file} does not exist; check its path")
    if file.suffix.lower() not in IMPORTED:
        known = ", ".join(IMPORTED)
        raise ModelError(f"{file} must be one of {known}, not {file.suffix!r}{hint(file)}")
    if not folders.is_file(file):
        raise ModelError(f"{file} does not exist; check its path")
    return _param_of(file) if file.suffix.lower() in _PAIR else file


def _param_of(file: Path) -> Path:
    """The .param of a pair of which `file` is one; ModelError unless the other is beside it."""
    param, numbers = (file.with_suffix(suffix) for suffix in _PAIR)
    for each in (param, numbers):
        if folders.is_file(each):
            continue
        reason = why_refused(read_content(file), file.suffix.lower())
        if file == numbers and folders.is_file(file.with_suffix(".xml")):
            reason = f"belongs to {file.stem}.xml; {ELSEWHERE['.xml']}"
        raise ModelError(
            f"{file} {reason or f'is half of an ncnn model; put {each.name} beside it'}"
        )
    return param


def _no_such(source: Path, arch: str, states: Mapping[str, object]) -> dict[str, dict[str, Array]]:
    if arch not in ROWS:
        raise ArgumentError(f"arch must be one of {', '.join(ROWS)}, not {arch!r}")
    raise ModelError(f"{source} is a network {' or '.join(states)}, not {arch}")


def _row_for(source: Path, name: str | None, states: Mapping[str, object]) -> Model:
    """The row that an imported file is for; ModelError if that is in doubt."""
    rows = catalogue()
    told = guess_name(source, states)
    if name in VERSIONS and told not in (None, name):
        raise ArgumentError(
            f"{source} is {told} by its name, and not {name}; leave --name out, or give the file "
            "another name if that is wrong"
        )
    chosen = name or told
    if chosen is None:
        fitting = [row.name for row in rows.values() if row.arch in states]
        if len(fitting) != 1:
            found = f"{source} is a network {' or '.join(states)}, which"
            if not fitting:
                raise ModelError(
                    f"{found} no published model is; give it a name of your own with --name"
                )
            raise ModelError(
                f"{found} several models are ({', '.join(fitting)}); "
                "say which with --name, or give it a name of your own"
            )
        chosen = fitting[0]
    same = [row.name for row in rows.values() if row.stem.lower() == chosen.lower()]
    taken = next((other for other in same if other != chosen), None)  # also on Windows
    if taken is not None:
        raise ArgumentError(f"{chosen!r} is the file of model {taken!r}; say --name {taken}")
    row = rows.get(chosen) or Model(check_name(chosen), file=f"{chosen}.safetensors")
    if row.embedded:
        raise ArgumentError(f"{chosen!r} is an embedded model; choose another --name")
    if row.arch is not None and row.arch not in states:
        raise ModelError(
            f"{source} is a network {' or '.join(states)}, and {chosen} is a {row.arch}; "
            "choose another --name"
        )
    return row


def guess_name(source: Path, states: Mapping[str, object]) -> str | None:
    """The version in the name of the file or of its folder; None unless the file fits it."""
    for text in (source.stem, source.parent.name):
        match = _VERSION.search(text.lower())
        if match:
            name = ".".join(["4", match[1], *([match[2]] if match[2] else [])])
            if VERSIONS.get(name) in states:
                return name
    return None
