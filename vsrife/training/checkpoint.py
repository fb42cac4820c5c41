"""A run's state in a file: written whole or not at all, checked when it is read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vsrife.errors import MediaError, ModelError
from vsrife.network import build
from vsrife.weights import write_whole


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; MediaError if that fails, and the old file at `path` is still there."""
    # through memory: on a full disk torch's own writer raises errors that do not say so
    content = io.BytesIO()
    torch.save(dict(state), content)
    try:
        write_whole(path, lambda part: part.write_bytes(content.getbuffer()))
    except OSError as error:
        raise MediaError(
            f"checkpoint {path} cannot be written: {error.strerror}; the last one is whole, "
            "go on with --resume"
        ) from error


def load_checkpoint(path: Path, like: Mapping[str, Any], device: str) -> dict[str, Any]:
    """The state in a file, with all the keys of `like`, a state of the same run.

    ModelError, naming the file, if it is damaged, incomplete or of another network.
    """
    way_out = "move it away, or choose another folder"
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        missing = sorted(like.keys() - state.keys())
    except Exception as error:  # torch raises errors of any type for a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"checkpoint {path} is damaged ({reason}); {way_out}") from error
    if missing:
        raise ModelError(f"checkpoint {path} lacks {', '.join(missing)}; {way_out}")
    if state["model_name"] != like["model_name"]:
        raise ModelError(
            f"checkpoint {path} is of model {state['model_name']}, not {like['model_name']}; "
            f"{way_out}"
        )
    try:
        for part in ("model", "average"):
            build(like["model_name"], state_dict=state[part])
    except ModelError as error:
        raise ModelError(f"checkpoint {path} is of another network: {error}; {way_out}") from error
    return dict(state)
