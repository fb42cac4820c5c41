"""Weight files: where they are, and reading them. The only file that touches the model folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from vsrife.errors import ArgumentError, ModelError
from vsrife.net.table import DEFAULT_MODEL, EMBEDDED, known_models, suggest

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")
FOLDER_VARIABLE = "VSRIFE_MODEL_DIR"
_OFFICIAL = "https://github.com/HolyWu/vs-rife/releases/download/model/"

_here = Path(__file__).resolve().parent
# beside the modules when installed, beside the package in a checkout
_beside, _checkout = _here / "models", _here.parent / "models"
model_dir = _checkout if not _beside.is_dir() and _checkout.is_dir() else _beside


def user_folder() -> Path:
    """Where official weights belong: $VSRIFE_MODEL_DIR, or a folder in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return (
        Path(chosen).expanduser()
        if chosen
        else user_cache_path("vsrife", appauthor=False) / "models"
    )


def model_name(model: object) -> str | None:
    """The name in the table that `model` means; None if it is the path of a weights file.

    model: a name ("nano", "4.25.lite"), a path, or None for the embedded default. ArgumentError,
    with the nearest names, for anything else.
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
    text = model
    if Path(text).suffix.lower() in SUFFIXES or set("/\\") & set(text):
        return None
    raise ArgumentError(
        f"model must be one of {', '.join(known_models())}, or the path of a weights file, "
        f"not {model!r}{suggest(text)}"
    )


def find_weights(model: str | os.PathLike[str] | None) -> Path:
    """The weights file of what `model_name` accepts; ModelError, with the way out, if missing."""
    name = model_name(model)
    if name in EMBEDDED:
        return _existing(model_dir / f"{name}.safetensors", "vsrife is not installed whole")
    if name is not None:
        return _official_file(name)
    return _existing(Path(os.fsdecode(model or "")).expanduser(), "check its path")


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a .safetensors, .pkl, .pth or .pt file by key; no file can run code here.

    ModelError for a file that is damaged, no weights file, or holds anything but tensors by name.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(
            f"model file {path} must be one of {', '.join(SUFFIXES)}, not {path.suffix!r}"
        )
    try:
        state = (
            _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_pickle(path)
        )
    except Exception as error:  # readers raise whatever a damaged file makes them stumble over
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"model file {path} cannot be read: it is damaged, cut short or no weights file "
            f"({reason}); fetch it again"
        ) from error
    if not isinstance(state, dict) or not state:
        raise ModelError(
            f"model file {path} holds no tensors by name; it must be a plain state dict"
        )
    for key, value in state.items():
        fault = _fault(key, value)
        if fault:
            raise ModelError(f"model file {path} holds {fault}: {key!r}; fetch it again")
    return state


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a state dict as safetensors, whole or not at all."""
    from safetensors.torch import save

    # not save_file, whose files nobody but their owner may read
    content = save({key: value.cpu().contiguous() for key, value in state.items()}, dict(metadata))
    write_whole(path, lambda part: part.write_bytes(content))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then put that file in its place."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_pickle(path: Path) -> object:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # torch's own words advise to open it without this protection
        raise ValueError("it holds more than tensors, or is no PyTorch file") from error


def _fault(key: object, value: object) -> str | None:
    """What keeps a value from being a network's weights."""
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        return "something that is no tensor"
    if value.layout != torch.strided or value.is_meta or not value.is_floating_point():
        return "a tensor of another kind than weights"
    return None if value.isfinite().all() else "numbers that are not finite"


def _existing(path: Path, hint: str) -> Path:
    if path.is_dir():
        raise ModelError(f"model file {path} is a folder; name the file in it")
    if not path.is_file():
        raise ModelError(f"model file {path} does not exist; {hint}")
    return path


def _official_file(version: str) -> Path:
    stem = f"flownet_v{version}"
    folders = (user_folder(), model_dir)
    for folder in folders:
        for suffix in SUFFIXES:
            path = folder / f"{stem}{suffix}"
            # vs-rife's wheel leaves empty files in place of models that were never fetched
            if path.is_file() and path.stat().st_size:
                return path
    raise ModelError(
        f"model file has not been downloaded: {stem}.pkl; fetch {_OFFICIAL}{stem}.pkl and put it "
        f"into {folders[0]}, or leave out model= for the embedded one"
    )
