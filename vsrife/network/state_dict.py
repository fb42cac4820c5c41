"""State dicts: recognise their network, and load them strictly. Opens no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vsrife.errors import ModelError, printable
from vsrife.network.table import ROWS, TRIPLES, Row, state_shapes

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.network.module import Network

PREFIX = "module."  # left by training on several GPUs

# Training-only parts that official checkpoints are known to hold: teachers of distillation, a time
# estimator, the refinement of RIFE 4.0.
SURPLUS = ("teacher.", "caltime.", "block_tea.", "contextnet.", "unet.")


def is_surplus(key: object) -> bool:
    """Whether a checkpoint key belongs to a part that only training needs."""
    return isinstance(key, str) and key.removeprefix(PREFIX).startswith(SURPLUS)


def normalise[Value](state: Mapping[str, Value]) -> dict[str, Value]:
    """The same tensors without `module.` and without the known surplus of official checkpoints."""
    return {k.removeprefix(PREFIX): value for k, value in state.items() if not is_surplus(k)}


def recognise(state: Mapping[str, object], *, triples: bool = False) -> str:
    """Name of the row with exactly the keys and shapes of `state`; ModelError if there is none.

    triples: rows of three frames, too; a ModelError of its own for these without.
    """
    shapes = _shapes(normalise(state))
    for name, arch in ROWS.items():
        if state_shapes(arch) == shapes:
            return name
    for name, arch in TRIPLES.items():
        if state_shapes(arch) == shapes:
            if triples:
                return name
            raise ModelError(
                f"the weights are of {name}, which reads three frames; only rife(), interpolate(), "
                "`vsrife render` and `vsrife export` take such weights, by the path of their file"
            )
    renamed = _renamed(shapes)
    if renamed:
        raise ModelError(f"the weights are of no known network by their names: {renamed}")
    nearest = max(ROWS, key=lambda name: len(state_shapes(ROWS[name]).items() & shapes.items()))
    if not state_shapes(ROWS[nearest]).items() & shapes.items():
        raise ModelError(
            f"the weights are of no RIFE v4 network: none of their {len(shapes)} tensors fits one"
        )
    raise ModelError(
        f"the weights are of no known network; nearest is {nearest}, "
        f"but {_difference(ROWS[nearest], shapes)}"
    )


def check_state(state: Mapping[str, object], arch: Row) -> None:
    """ModelError, with the first difference, unless `state` has exactly this network's tensors."""
    shapes = _shapes(state)
    if shapes != state_shapes(arch):
        raise ModelError(f"the weights do not fit the network: {_difference(arch, shapes)}")


def load_state(module: Network, state: Mapping[str, Tensor]) -> None:
    """Load fp32 copies of `state`; ModelError, with the first difference, if it does not fit."""
    plain = normalise(state)
    check_state(plain, module.arch)
    import torch

    copies = {key: torch.as_tensor(value).detach().float().clone() for key, value in plain.items()}
    module.load_state_dict(copies, strict=True, assign=True)


def _renamed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What differs if these are a row's tensors under other names; else ""."""
    for name, arch in ROWS.items():
        wanted = state_shapes(arch)
        foreign = [key for key in shapes if key not in wanted]
        if not foreign or Counter(wanted.values()) != Counter(shapes.values()):
            continue
        missing = next(key for key in wanted if key not in shapes)
        alike = [key for key in foreign if shapes[key] == wanted[missing]] or foreign
        like = next((key for key in foreign if key.endswith(missing)), alike[0])
        return (
            f"{len(foreign)} of {len(shapes)} are called otherwise than those of {name}, such as "
            f"{printable(like)!r:.100}, perhaps for {missing!r}; rename them"
        )
    return ""


def _shapes(state: Mapping[str, object]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(getattr(tensor, "shape", ())) for key, tensor in state.items()}


def _difference(arch: Row, shapes: Mapping[str, tuple[int, ...]]) -> str:
    wanted = state_shapes(arch)
    for key, shape in wanted.items():
        if key not in shapes:
            return f"{key} is missing"
        if shapes[key] != shape:
            return f"{key} is {list(shapes[key])} instead of {list(shape)}"
    return f"{next(key for key in shapes if key not in wanted)} is not part of it"
