"""Which networks a file of another program fits, with its weights for each: by name or by order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vsrife.errors import ModelError, printable
from vsrife.network.files import carried_weights
from vsrife.network.state_dict import recognise
from vsrife.weights.files import SUFFIXES, damaged, read_arrays, read_content
from vsrife.weights.library import fit
from vsrife.weights.readers.families import described
from vsrife.weights.readers.mapping import Convolution, map_by_name, map_by_order
from vsrife.weights.readers.ncnn import read_ncnn, read_scalars
from vsrife.weights.readers.onnx import read_carried, read_facts, read_onnx
from vsrife.weights.readers.safetensors import Array, checked


def states_of(source: Path, note: Callable[[str], None]) -> dict[str, dict[str, Array]]:
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
                return _carried(source, content, facts)
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


def _carried(source: Path, content: bytes, facts: Mapping[str, str]) -> dict[str, dict[str, Array]]:
    """What an export of ours has in it. Its bytes are whole: what fails is what was changed."""
    try:
        state = read_carried(content, facts[carried_weights.KEY])
    except Exception as error:  # of any part of the graph or of the text
        raise ModelError(
            f"{source} was changed since {_said(facts, 'generator', 'vsrife')} wrote it, so its "
            "weights cannot be taken out; export it again, or import the weights that it was made "
            f"of ({_said(facts, 'model', 'their name is not known')})"
        ) from error
    state = _sound(source, state)
    return {recognise(state): state}


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
            f"was written by {_said(facts, 'generator')}, which left its weights only as the graph "
            f"needs them; import the weights of {_said(facts, 'model', 'the model')}, or export it "
            "again"
        )
    if reason:
        raise ModelError(f"{source} {reason}")


def _said(facts: Mapping[str, str], key: str, otherwise: str = "") -> str:
    return printable(facts.get(key, otherwise))


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
