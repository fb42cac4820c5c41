"""A network that begins as a narrower one, whose weights are known.

After Net2Net (Chen, Goodfellow and Shlens, ICLR 2016). There new channels are copies of old ones;
here they are random, and what is old hardly reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

# Of first weights: those by which old channels read new ones, and layers that are added to old ones
LITTLE = 0.04
_ADDED = ("views", "state", "volume", "meeting", "matches")


def widened(
    found: Mapping[str, Tensor], first: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], int]:
    """A state that gives nearly what the network of `found` gives, where that is narrower.

    found: its state; first: that of the wider one, with first weights, of which new channels and
    layers keep theirs; where a block has numbers of `found`, layers that are added to it begin near
    nothing. Tensors of `found` that are larger than those of `first` are left out, and
    so are those that it lacks. Also gives how many tensors of `found` are used; with none, the
    state is `first`.
    """
    placed = {key: _placed(key, found[key], first[key]) for key in first if key in found}
    state = {key: tensor for key, tensor in placed.items() if tensor is not None}
    taken = len(state)
    if not taken:
        return dict(first), 0
    known = {_part(key) for key in state}
    for key, tensor in first.items():
        if key not in state:
            little = _part(key) in known and _is_added(key)
            state[key] = tensor * LITTLE if little else tensor.clone()
    return state, taken


def _placed(key: str, old: Tensor, first: Tensor) -> Tensor | None:
    """`first` with the numbers of `old` in it; None if `old` is larger."""
    if old.ndim != first.ndim or any(a > b for a, b in zip(old.shape, first.shape, strict=True)):
        return None
    tensor, count = first.clone(), len(old)
    if old.ndim < 2:
        tensor[:count] = old
        return tensor
    if old.shape[2:] != first.shape[2:]:
        return None
    tensor[:count] *= LITTLE
    # what is seen of either frame lies one after the other
    parts = 2 if key.endswith("views.weight") else 1
    before, after = old.shape[1] // parts, first.shape[1] // parts
    for i in range(parts):
        part = old[:, i * before : (i + 1) * before]
        tensor[:count, i * after : i * after + before] = part
    return tensor


def _part(key: str) -> str:
    """The block, or whatever else of the network, that a weight is of."""
    return key.partition(".")[0]


def _is_added(key: str) -> bool:
    """Whether a weight is of a layer whose result is added to something."""
    layer, _, kind = key.rpartition(".")
    return kind == "weight" and (".body" in layer or layer.rpartition(".")[2] in _ADDED)
