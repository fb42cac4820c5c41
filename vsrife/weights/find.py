"""From a model's name to the file of its weights, which is fetched if the user says so."""

from __future__ import annotations

import os
from pathlib import Path

from vsrife.network.table import DEFAULT_MODEL, EMBEDDED, known_models
from vsrife.weights.folders import embedded_file
from vsrife.weights.locate import existing, find_file, find_model, is_path, missing


def find_weights(model: str | os.PathLike[str] | None, *, auto_download: bool = False) -> Path:
    """The weights file of a model, as `model_name` takes it; ModelError tells how to get it."""
    name = DEFAULT_MODEL if model is None else model
    if name in EMBEDDED:  # no faulty list of the user's own may keep these from working
        return embedded_file(f"{name}.safetensors")
    if isinstance(name, os.PathLike) or (name not in known_models() and is_path(name)):
        return existing(Path(os.fsdecode(name)).expanduser())
    row = find_model(name)
    found = find_file(row)
    if found is None and auto_download:
        from vsrife.weights.library import fetch_model  # with all that speaks HTTP

        return fetch_model(row)
    if found is None:
        raise missing(row)
    if not found.kept:
        from vsrife.weights.verify import check_known

        check_known(row, found.path)
    return found.path
