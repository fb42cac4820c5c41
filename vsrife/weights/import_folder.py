"""Imports every model in a folder of another program, and finds ComfyUI's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vsrife.errors import ArgumentError, ModelError, RifeError
from vsrife.weights import folders
from vsrife.weights.catalogue import Model
from vsrife.weights.download import Listener
from vsrife.weights.files import IN_FOLDER
from vsrife.weights.importing import IMPORTED, import_model

COMFYUI = "comfyui"  # as a path: wherever ComfyUI is
COMFYUI_VARIABLE = "COMFYUI_PATH"
# Below ComfyUI's own folder: where its node, and the node package of that name, look for models
_IN_COMFYUI = (
    Path("models", "frame_interpolation"),
    Path("custom_nodes", "ComfyUI-Frame-Interpolation", "ckpts", "rife"),
    Path("custom_nodes", "comfyui-frame-interpolation", "ckpts", "rife"),
)
# Where installers put ComfyUI, below the user's and the current folder
_HOMES = ("ComfyUI", "comfy/ComfyUI", "Documents/ComfyUI", "ComfyUI_windows_portable/ComfyUI")


class Outcome(NamedTuple):
    """What became of a file: the model and its new file, or the error."""

    file: Path
    model: Model | None = None
    path: Path | None = None
    error: str = ""


def import_all(
    path: Path,
    name: str | None = None,
    *,
    arch: str | None = None,
    replace: bool = False,
    listener: Listener | None = None,
    imported: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Take a file, or every model in a folder, into the store; `import_model` has the arguments.

    path: also the folder of ComfyUI, or "comfyui" for wherever it is. imported: receives each
    outcome when it is known. A single file raises its errors; of several, each that is refused has
    its error. ModelError if there is nothing to import.
    """
    files = list(files_of(path))
    if len(files) == 1:
        row, kept = import_model(files[0], name, arch=arch, replace=replace, listener=listener)
        outcomes = [Outcome(files[0], row, kept)]
        imported(outcomes[0])
        return outcomes
    if name is not None:
        raise ArgumentError(
            f"name is for one file, and {path} has {len(files)}, such as {files[0].name}; "
            "import that file, or leave the name out"
        )
    outcomes = []
    for file in files:
        try:
            row, kept = import_model(file, arch=arch, replace=replace, listener=listener)
            outcomes.append(Outcome(file, row, kept))
        except RifeError as error:
            outcomes.append(Outcome(file, error=str(error)))
        imported(outcomes[-1])
    return outcomes


def files_of(path: Path) -> Iterator[Path]:
    """What `import_model` takes, one after the other: the file, or those of the folder."""
    path = path.expanduser()
    if str(path).lower() == COMFYUI and not folders.exists(path):
        places = comfyui_folders()
        if not places:
            raise _no_comfyui()
    elif not folders.is_folder(path):
        yield path
        return
    else:
        places = models_of_comfyui(path) or [path]
    found = [file for place in places for file in _models_in(place)]
    if not found:
        listed = " and ".join(map(str, places))
        raise ModelError(
            f"{listed} has no file that can be imported, only {', '.join(IMPORTED)} are; "
            "name the file or its folder"
        )
    yield from found


def comfyui_folders() -> list[Path]:
    """ComfyUI's folders of interpolation models on this machine."""
    chosen = os.environ.get(COMFYUI_VARIABLE)
    bases = dict.fromkeys([Path.home(), Path.cwd()])
    homes = [Path(chosen).expanduser()] if chosen else [b / home for b in bases for home in _HOMES]
    found = [folder for home in homes for folder in models_of_comfyui(home)]
    return list(dict.fromkeys(found))


def _no_comfyui() -> ModelError:
    chosen = os.environ.get(COMFYUI_VARIABLE)
    if not chosen:
        found = "ComfyUI is in none of the usual places"
    elif not folders.is_folder(Path(chosen).expanduser()):
        found = f"{COMFYUI_VARIABLE} is {chosen!r:.300}, which is no folder"
    else:
        places = " or ".join(dict.fromkeys(place.as_posix() for place in _IN_COMFYUI[:2]))
        found = f"{COMFYUI_VARIABLE} is {chosen!r:.300}, which has no {places} in it"
    return ModelError(f"{found}; name ComfyUI's folder, or set {COMFYUI_VARIABLE} to it")


def models_of_comfyui(home: Path) -> list[Path]:
    """The folders of interpolation models below ComfyUI's own folder, if it is one."""
    found: list[Path] = []
    for below in _IN_COMFYUI:
        folder = home / below
        # two spellings are one folder on Windows and macOS
        if folders.is_folder(folder) and not any(folder.samefile(other) for other in found):
            found.append(folder)
    return found


def _models_in(folder: Path) -> Iterator[Path]:
    """Files in a folder, and the folders in it that are models of ncnn or Practical-RIFE."""
    if any(folders.is_file(folder / name) for name in IN_FOLDER):
        yield folder
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ModelError(f"{folder} cannot be read ({error.strerror})") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if folders.is_folder(entry):
            if any(folders.is_file(entry / name) for name in IN_FOLDER):
                yield entry
        elif entry.suffix.lower() in IMPORTED and entry.suffix.lower() != ".bin":
            yield entry
