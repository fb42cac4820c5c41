"""Imports files of other programs: vs-rife, ComfyUI, Practical-RIFE, vs-mlrt and ncnn."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from vsrife.errors import ArgumentError, ModelError
from vsrife.network.files import carried_weights
from vsrife.network.state_dict import recognise
from vsrife.network.table import ROWS, VERSIONS
from vsrife.weights import folders
from vsrife.weights.catalogue import Model, catalogue, check_name
from vsrife.weights.download import Listener, stderr_listener
from vsrife.weights.files import SUFFIXES, damaged, read_arrays, read_content, sha256_of
from vsrife.weights.library import fit, keep
from vsrife.weights.readers.families import described
from vsrife.weights.readers.mapping import Convolution, map_by_name, map_by_order
from vsrife.weights.readers.ncnn import read_ncnn, read_scalars
from vsrife.weights.readers.onnx import read_carried, read_facts, read_onnx
from vsrife.weights.readers.safetensors import Array, checked

IMPORTED = (*SUFFIXES, ".onnx", ".param", ".bin")
IN_FOLDER = ("flownet.pkl", "flownet.param")  # names in train_log and in folders of ncnn models
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
    states = _states(source, heard.note)
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
    states = _states(path, lambda text: None)
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
        raise ModelError(f"{file} must be one of {', '.join(IMPORTED)}, not {file.suffix!r}")
    if file.suffix.lower() == ".bin":
        file = file.with_suffix(".param")
    for each in (file, *([file.with_suffix(".bin")] if file.suffix.lower() == ".param" else [])):
        if not folders.is_file(each):
            raise ModelError(f"{each} does not exist; check its path")
    return file


def _states(source: Path, note: Callable[[str], None]) -> dict[str, dict[str, Array]]:
    """Row -> state dict for every row that the file fits; ModelError if there is none."""
    kind = source.suffix.lower()
    if kind in SUFFIXES:
        arrays = read_arrays(source)
        try:
            return dict([fit(arrays, None, note)])
        except ModelError as error:
            raise ModelError(
                f"{source} cannot be imported: {error}; {described(arrays)}"
            ) from error
    content = read_content(source)
    try:
        if kind == ".onnx":
            facts = read_facts(content)
            _check_facts(source, facts)
            if carried_weights.KEY in facts:
                state = _sound(source, read_carried(content, facts[carried_weights.KEY]))
                return {recognise(state): state}
            tensors, convolutions = read_onnx(content)
            named = map_by_name(tensors)
        else:
            weights = read_content(source.with_suffix(".bin"))
            convolutions = read_ncnn(content, weights)
            named = read_scalars(content)
            each = (conv.tensors() for conv in convolutions)
            named |= map_by_name({key: value for found in each for key, value in found.items()})
    except ModelError:
        raise
    except Exception as error:  # readers raise whatever a damaged file makes them stumble over
        raise damaged(source, error, content) from error
    return _mapped(source, named, convolutions)


def _check_facts(source: Path, facts: Mapping[str, str]) -> None:
    """ModelError for files of ours that say that no weights can be taken out of them."""
    part, precision = facts.get("part", "whole"), facts.get("precision", "")
    reason = ""
    if part not in ("whole", "flow"):
        reason = f"is the part {part!r} of a network; import the file beside it without that word"
    elif precision == "int8":
        reason = "has weights in 8 bits; import the model that it was made of"
    elif carried_weights.KEY not in facts and facts.get("generator", "").startswith("vsrife"):
        reason = (
            f"was written by {facts['generator']}, which left its weights only as the graph needs "
            f"them; import the weights of {facts.get('model', 'the model')}, or export it again"
        )
    if reason:
        raise ModelError(f"{source} {reason}")


def _mapped(
    source: Path, named: dict[str, Array], convolutions: list[Convolution]
) -> dict[str, dict[str, Array]]:
    """Row -> state dict: by names if all are there, else by order."""
    reason = "its weights have no names"
    if named:
        try:
            return {recognise(named): _sound(source, named)}
        except ModelError as error:
            reason = str(error)
    states = map_by_order(convolutions)
    if not states and ".beta is missing" in reason:
        raise ModelError(
            f"{source} has its gains folded into its convolutions ({reason}), so that its weights "
            "cannot be told; import a file without, or the weights that it was made of"
        )
    if not states:
        raise ModelError(
            f"{source} is of no RIFE v4 network that is known: "
            f"its {len(convolutions)} convolutions fit none in this order ({reason})"
        )
    return {arch: _sound(source, state) for arch, state in states.items()}


def _sound(source: Path, state: dict[str, Array]) -> dict[str, Array]:
    try:
        return checked(state)
    except ModelError as error:
        raise ModelError(f"model file {source} {error}") from error


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
        raise ArgumentError(f"{chosen!r} is the embedded model; choose another --name")
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
