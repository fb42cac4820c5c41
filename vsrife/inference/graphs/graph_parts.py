"""Files beside one of ours: the rest of its network. They are taken only if they belong to it."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto

from vsrife.errors import ModelError
from vsrife.inference.graphs.graph_file import GraphFile, load, said_of
from vsrife.network.files.carried_weights import DIGEST
from vsrife.network.files.targets import PARTS

# Where its network has an encoder, or rescales
ENCODER, DOUBLED = (f"{PARTS[part]}.onnx" for part in ("encoder", "doubled"))
# What both files must say alike; an encoder is the same at every scale. Precision may differ:
# beside a file in INT8, the encoder is in fp32
_ALIKE = {ENCODER: (DIGEST, "size"), DOUBLED: (DIGEST, "size", "scale", "ensemble")}


def load_beside(file: GraphFile, suffix: str) -> ModelProto:
    """The part with that suffix; ModelError unless it is of the same export as far as both say so.

    Files of earlier builds say nothing of their weights, and are taken as they are.
    """
    path = file.path.with_name(file.path.name[: -len(".onnx")] + suffix)
    if not path.is_file():
        raise ModelError(f"model file {path} does not exist; it belongs to {file.path}")
    model = load(path)
    said = said_of(model)
    part = next(part for part, name in PARTS.items() if suffix == f"{name}.onnx")
    if said.get("part", part) != part:
        raise _foreign(file, path, f"it is the part {said['part']!r:.50}, not {part!r}")
    _check_alike(file, path, said, _ALIKE[suffix])
    return model


def _check_alike(file: GraphFile, path: Path, said: dict[str, str], keys: tuple[str, ...]) -> None:
    if DIGEST not in file.said and DIGEST not in said:
        return
    key = next((key for key in keys if file.said.get(key) != said.get(key)), None)
    if key is None:
        return
    reason = f"its {key} is {said.get(key)!r:.50}, and that file's {file.said.get(key)!r:.50}"
    if key == DIGEST:
        reason = "it is of other weights"
        if not (DIGEST in file.said and DIGEST in said):
            reason = "one of them is of an earlier build and says nothing of its weights"
    raise _foreign(file, path, reason)


def _foreign(file: GraphFile, path: Path, reason: str) -> ModelError:
    return ModelError(
        f"model file {path} does not belong to {file.path} beside it: {reason}; "
        "export again, which writes all of them"
    )
