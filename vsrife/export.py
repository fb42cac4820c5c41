"""Networks as files for other programs: `export_model`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vsrife.checks import Flag
from vsrife.errors import ArgumentError, MediaError, ModelError
from vsrife.media.parts import unwritable
from vsrife.network.files.targets import PARTS, TARGETS, FileOptions, builder, check, target_of
from vsrife.network.own.triple import reads_three
from vsrife.network.state_dict import check_state, normalise, recognise
from vsrife.network.table import VERSIONS, arch_of, check_options
from vsrife.version import __version__
from vsrife.weights import find_weights, is_graph, model_name, read_arrays, write_whole
from vsrife.weights.catalogue import catalogue
from vsrife.weights.files import read_metadata
from vsrife.weights.folders import exists, is_file, is_folder

_OF_NCNN = (".param", ".bin")
# suffixes that no folder has
_OF_FILES = (*(row.suffix for row in TARGETS.values() if row.suffix), *_OF_NCNN)


def export_model(
    model: str | os.PathLike[str] | None,
    path: str | os.PathLike[str],
    *,
    scale: float = 1.0,
    ensemble: bool = False,
    precision: str = "fp32",
    size: tuple[int, int] | None = None,
    layout: str = "own",
    target: str = "onnx",
    warp: str = "rife",
    flow_only: bool = False,
    blocks: int | None = None,
    fold: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write a model as ONNX, or for another target, and give the files, the main one first.

    model: a name or a weights file, None for the embedded default; path: the file, or for target
    "ncnn" the folder; scale, ensemble: as of `rife`; precision: "fp16" has convolutions in half
    precision, inputs and outputs stay fp32; size: width and height of a graph that takes no other,
    multiples of the network's unit but for layout v2.
    layout: "own" is a graph for a pair, and beside it `.encode.onnx` for a single frame where the
    network has an encoder, `.doubled.onnx` where it rescales; "v1" and "v2" are vs-mlrt's, one
    file. What they take and give: docs/guide/onnx.md; target "openvino" writes the same as IR.
    warp: of an ncnn network, "rife" or "gridsample"; fold: without MemoryData: docs/guide/ncnn.md.
    flow_only: a tflite network without its last warp; blocks: only the network's first ones:
    docs/guide/tflite.md.
    ArgumentError for options that do not go together, ModelError for the weights, MediaError for
    files that cannot be written; then none is. BackendError if a package is missing.
    """
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"path must be the path of a file or folder, not {path!r}")
    Flag().read("overwrite", overwrite)
    output = Path(path)
    options = FileOptions(
        scale,
        ensemble,
        precision,
        size,
        layout,
        warp,
        flow_only,
        str(output.absolute()),
        blocks,
        fold,
    )
    check(target, options)
    if is_graph(model):
        raise ArgumentError(
            f"model must be a name or a weights file, not the graph {os.fsdecode(model or '')!r}; "
            "`vsrife models import` takes the weights out where it can"
        )
    check_options(model_name(model), scale, ensemble)
    suffix = target_of(target).suffix
    check_target(output, suffix, overwrite=overwrite)
    weights = find_weights(model)
    state = normalise(read_arrays(weights))
    name = model_name(model) or recognise(state, triples=True)
    check_options(name, scale, ensemble)
    arch = arch_of(name)
    check_state(state, arch)
    if reads_three(arch):
        _check_three(target, layout)
    build = builder(target)
    facts = _facts(Path(os.fsdecode(model or name)).name, name, options)
    contents = build(state, arch, options, facts | {"licence": _licence(name, weights)})
    files = {_file_of(output, part, suffix): content for part, content in contents.items()}
    for file in files:
        check_free(file, overwrite=overwrite)
    with _made(output.parent if suffix else output):
        write_files(list(files.items()))
    return list(files)


def _check_three(target: str, layout: str) -> None:
    """ArgumentError for what writes one graph of two frames."""
    if target not in ("onnx", "openvino"):
        raise ArgumentError(
            f"target must be onnx or openvino for a network of three frames, not {target!r}"
        )
    if layout != "own":
        raise ArgumentError(f"layout must be own for a network of three frames, not {layout!r}")


def _file_of(output: Path, part: str, suffix: str) -> Path:
    """Where a part goes; a suffix is left as the user has written it, such as .ONNX."""
    if not suffix:
        return output / part
    return output if part == suffix else output.with_suffix(part)


def check_target(path: Path, suffix: str = ".onnx", *, overwrite: bool) -> None:
    """MediaError unless a file with that suffix, for "" a folder, can be put there."""
    ending = path.suffix.lower()
    if ending != suffix and suffix:
        others = [name for name, other in TARGETS.items() if other.suffix == ending and ending]
        way = f"; target {others[0]} writes that" if others else ""
        if ending in _OF_NCNN:
            way = "; target ncnn writes such a file into a folder"
        elif not ending[1:2].isalpha():  # none, or a version's number
            way = f"; say {path.name}{suffix}, or target ncnn for a folder"
        raise MediaError(f"{path} must end in {suffix}, not {path.suffix!r}{way}")
    part = Path(path.stem).suffix.lower()
    if suffix and part in PARTS.values():
        raise MediaError(
            f"{path} must not end in {part}{suffix}, the name of a part beside another file; "
            f"say {path.name[: -len(part + suffix)]}{suffix}"
        )
    if not suffix and path.suffix.lower() in _OF_FILES:
        raise MediaError(f"{path} must be a folder, not the name of a file; leave its end out")
    if "\0" in str(path):
        raise MediaError(f"{str(path)!r:.300} has a null character; choose another name")
    try:
        folder = path if not suffix and exists(path) else path.parent
        in_folder = is_folder(folder)
    except ModelError as error:
        raise MediaError(str(error)) from error
    if folder == path and not in_folder:
        raise MediaError(f"{path} is a file; choose another name for the folder")
    if not in_folder and exists(folder):
        raise MediaError(f"{folder} is a file, and no folder; choose another one")
    if not in_folder:
        raise MediaError(f"folder {folder} does not exist; make it first")
    if suffix:
        check_free(path, overwrite=overwrite)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"folder {folder} cannot be written; choose another one")


def check_free(path: Path, *, overwrite: bool) -> None:
    """MediaError if something is there that must not be replaced."""
    try:
        taken, replaceable, folder = exists(path), is_file(path), is_folder(path)
    except ModelError as error:
        raise MediaError(str(error)) from error
    if folder:
        raise MediaError(f"{path} is a folder; choose another name for the file")
    if taken and not (overwrite and replaceable):
        raise MediaError(f"{path} exists; choose another name, or overwrite=True for a file")


def _facts(model: str, name: str, options: FileOptions) -> dict[str, str]:
    return {
        "model": model,
        "arch": VERSIONS.get(name, name),
        "layout": options.layout,
        "scale": f"{float(options.scale):g}",
        "ensemble": str(options.ensemble).lower(),
        "precision": options.precision,
        "modulo": str(arch_of(name).pad_unit(options.scale)),
        "size": "x".join(map(str, options.size)) if options.size else "any",
        "generator": f"vsrife {__version__}",
    }


def _licence(name: str, weights: Path) -> str:
    """Of the weights: what their file says, else what is known of the model of that name."""
    said = read_metadata(weights).get("licence", "")
    rows = catalogue()
    known = rows[name].licence if name in rows and weights.stem == rows[name].stem else ""
    return said or known or "that of the weights, which is not known"


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder exists inside; one that was made for it is removed after an error."""
    if is_folder(folder):
        yield
        return
    try:
        folder.mkdir()
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def write_files(files: Sequence[tuple[Path, bytes]]) -> None:
    """All or none: each file takes its place when those after it have. MediaError if one cannot."""
    if not files:
        return
    (path, content), *others = files

    def write(part: Path) -> None:
        part.write_bytes(content)
        write_files(others)

    try:
        write_whole(path, write)
    except OSError as error:
        raise unwritable(path, error) from error
