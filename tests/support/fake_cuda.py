"""A CUDA device that is not there: PyTorch computes shapes, types and devices, and no numbers.

A number that is read back raises DataDependentOutputException, since there is none.
"""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("cuda", 0)


@functools.cache
def fake_tensors() -> FakeTensorMode:
    """Within, tensors may be made on any device. One for all: tensors of two do not mix."""
    return FakeTensorMode()


class Crossings(TorchDispatchMode):
    """Collects calls that move samples between devices: nothing may while a graph is recorded, and
    outside of that each one makes the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given, made = (_kinds(each) for each in ((args, kwargs), out))
        if given and made and given != made:
            self.found.append(f"{func}: {given} to {made}")
        return out


def _kinds(values: Any) -> set[str]:
    return {each.device.type for each in tree_leaves(values) if isinstance(each, Tensor)}


def moved(net: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Gives `net` weights of that type on the device, and returns it."""
    for module in net.modules():
        for held in (module._parameters, module._buffers):
            for name, value in held.items():
                if value is not None:
                    kind = dtype if value.is_floating_point() else value.dtype
                    held[name] = nn.Parameter(
                        torch.empty(value.shape, dtype=kind, device=DEVICE), requires_grad=False
                    )
    return net
