"""Networks as ONNX files, for other programs: `export_model`. Needs the onnx package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, BackendError, MediaError, ModelError
from vsrife.network.options import GraphOptions
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import VERSIONS, Arch, arch_of, check_options
from vsrife.version import __version__
from vsrife.weights import find_weights, is_graph, model_name, read_arrays, write_whole
from vsrife.weights.catalogue import catalogue
from vsrife.weights.files import read_metadata
from vsrife.weights.folders import exists, is_file, is_folder

if TYPE_CHECKING:
    from onnx import ModelProto

    from vsrife.network.operations.onnx_writer import Array

LAYOUTS = ("own", "v1", "v2")
PRECISIONS = ("fp32", "fp16")
LARGEST = 16384  # pixels of a side


def export_model(
    model: str | os.PathLike[str] | None,
    path: str | os.PathLike[str],
    *,
    scale: float = 1.0,
    ensemble: bool = False,
    precision: str = "fp32",
    size: tuple[int, int] | None = None,
    layout: str = "own",
    overwrite: bool = False,
) -> list[Path]:
    """Write a model as ONNX and give the files, the one of that path first.

    model: a name or a weights file, None for the embedded default; scale, ensemble: as of `rife`;
    precision: "fp16" has convolutions in half precision, inputs and outputs stay fp32; size: width
    and height of a graph that takes no other, multiples of the network's unit but for layout v2.
    layout: "own" is a graph for a pair, and beside it `.encode.onnx` for a single frame where the
    network has an encoder, `.doubled.onnx` where it rescales; "v1" and "v2" are vs-mlrt's, one
    file. What they take and give: docs/guide/onnx.md.
    ArgumentError for options that do not go together, ModelError for the weights, MediaError for
    files that cannot be written; then none is.
    """
    target = Path(path)
    _check(precision, size, layout)
    if is_graph(model):
        raise ArgumentError(
            f"model must be a name or a weights file, not the graph {os.fsdecode(model or '')!r}; "
            "`vsrife models import` takes the weights out where it can"
        )
    check_options(model_name(model), scale, ensemble)
    check_target(target, overwrite=overwrite)
    weights = find_weights(model)
    state = normalise(read_arrays(weights))
    name = model_name(model) or recognise(state)
    check_options(name, scale, ensemble)
    try:
        import vsrife.network.graphs  # noqa: F401  # loads onnx
    except ModuleNotFoundError as error:
        raise BackendError(f"export needs the onnx package ({error}); pip install onnx") from error
    options = GraphOptions(scale, ensemble, half=precision == "fp16", size=size)
    facts = {
        "model": Path(os.fsdecode(model or name)).name,
        "arch": VERSIONS.get(name, name),
        "layout": layout,
        "licence": _licence(name, weights),
        **_facts(arch_of(name), options),
    }
    models = _build(state, arch_of(name), options, layout, facts)
    files = [target.with_suffix(f"{part}.onnx") for part in models]
    for file in files[1:]:
        check_target(file, overwrite=overwrite)
    _write(list(zip(files, models.values(), strict=True)))
    return files


def check_target(path: Path, *, overwrite: bool) -> None:
    """MediaError unless an ONNX file can be put there."""
    if path.suffix.lower() != ".onnx":
        raise MediaError(f"{path} must end in .onnx, not {path.suffix!r}")
    if "\0" in str(path):
        raise MediaError(f"{str(path)!r:.300} has a null character; choose another name")
    try:
        in_folder, taken, replaceable = is_folder(path.parent), exists(path), is_file(path)
    except ModelError as error:
        raise MediaError(str(error)) from error
    if not in_folder:
        raise MediaError(f"folder {path.parent} does not exist; make it first")
    if taken and not (overwrite and replaceable):
        raise MediaError(f"{path} exists; choose another name, or overwrite a file on purpose")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise MediaError(f"folder {path.parent} cannot be written; choose another one")


def _check(precision: object, size: object, layout: object) -> None:
    for name, value, allowed in (
        ("precision", precision, PRECISIONS),
        ("layout", layout, LAYOUTS),
    ):
        if value not in allowed:
            raise ArgumentError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    if size is None:
        return
    sides = list(size) if isinstance(size, Sequence) else []
    if len(sides) != 2 or not all(type(s) is int and 1 <= s <= LARGEST for s in sides):
        raise ArgumentError(
            f"size must be width and height, 1 to {LARGEST} pixels, not {size!r}; "
            "leave it out for a graph of any size"
        )


def _build(
    state: Mapping[str, Array],
    arch: Arch,
    options: GraphOptions,
    layout: str,
    facts: Mapping[str, str],
) -> dict[str, ModelProto]:
    """What goes between the name of the file and `.onnx`, and what goes in."""
    from dataclasses import replace

    from vsrife.network.foreign_layouts import build_layout
    from vsrife.network.graphs import build_encoder, build_flow

    if layout != "own":
        return {"": build_layout(state, arch, options, layout, {**facts, "part": "whole"})}
    models = {"": build_flow(state, arch, options, {**facts, "part": "flow"})}
    if arch.encoder:
        models[".encode"] = build_encoder(state, arch, options, {**facts, "part": "encoder"})
    if arch.rescales:
        unit = 2 * arch.pad_unit(options.scale)
        size = options.size and padded_size(options.size, unit)
        facts = {**facts, "part": "doubled", "modulo": str(unit)}
        doubled = replace(options, doubled=True, size=size)
        models[".doubled"] = build_flow(state, arch, doubled, facts)
    return models


def _facts(arch: Arch, options: GraphOptions) -> dict[str, str]:
    return {
        "scale": f"{float(options.scale):g}",
        "ensemble": str(options.ensemble).lower(),
        "precision": "fp16" if options.half else "fp32",
        "modulo": str(arch.pad_unit(options.scale)),
        "size": "x".join(map(str, options.size)) if options.size else "any",
        "generator": f"vsrife {__version__}",
    }


def _licence(name: str, weights: Path) -> str:
    """Of the weights: what their file says, else what is known of the model of that name."""
    said = read_metadata(weights).get("licence", "")
    rows = catalogue()
    known = rows[name].licence if name in rows and weights.stem == rows[name].stem else ""
    return said or known or "that of the weights, which is not known"


def _write(files: Sequence[tuple[Path, ModelProto]]) -> None:
    """All or none: each file takes its place when those after it have."""
    if not files:
        return
    (path, model), *others = files

    def write(part: Path) -> None:
        part.write_bytes(model.SerializeToString())
        _write(others)

    try:
        write_whole(path, write)
    except OSError as error:
        raise MediaError(f"{path} cannot be written ({error.strerror or error})") from error
