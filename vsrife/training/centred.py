"""Networks as they are trained: coarse layers are centred over the batch.

Without that, the blocks at 1/32 and 1/16 learnt to make all that goes into their LeakyReLUs
negative, so they were linear (models/notebook.md, "The coarse blocks live"). What is taken off
folds into biases, so a network that is used has no such step.

After batch normalisation (Ioffe and Szegedy, ICML 2015), without its division.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.module import size_of
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.own.pyramid_module import PyramidNet
from vsrife.network.own.pyramid_row import COARSE, COARSEST_ENCODED
from vsrife.training.material.drawn_scenes import Batch

_SCOPES = {"encode": COARSEST_ENCODED} | {f"block{level}": None for level in COARSE}
_LINEAR = ("out",)  # what no LeakyReLU follows


class CentredNet(PyramidNet):
    """A pyramid whose coarse convolutions give their bias on average over the batch.

    centring: False: nothing is taken off, as in a `PyramidNet`. means: where it is a dict, each
    layer's mean without its bias is added by the bias's key, (channels), each time that it runs.
    """

    centring = True
    means: dict[str, list[Tensor]] | None = None

    def operations(self, image: Tensor) -> TorchOperations:
        return _Centred(self, image)


class _Centred(TorchOperations):
    def __init__(self, net: CentredNet, image: Tensor) -> None:
        super().__init__(size_of(image), compute=net.dtype)
        self._net, self._scope = net, ""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        before, self._scope = self._scope, name
        yield
        self._scope = before

    def conv(
        self, x: Tensor, name: str, weight: Tensor, bias: Tensor, *, stride: int = 1
    ) -> Tensor:
        if not self._has(name):
            return super().conv(x, name, weight, bias, stride=stride)
        return self._centred(F.conv2d(x, weight, None, stride, weight.shape[2] // 2), name, bias)

    def residual(
        self, x: Tensor, name: str, weight: Tensor, bias: Tensor, beta: Tensor | None, groups: int
    ) -> Tensor:
        if not self._has(name):
            return super().residual(x, name, weight, bias, beta, groups)
        return self.leaky(self._centred(x + F.conv2d(x, weight, None, 1, 1), name, bias))

    def _has(self, name: str) -> bool:
        if self._scope not in _SCOPES or name in _LINEAR:
            return False
        names = _SCOPES[self._scope]
        return names is None or name in names

    def _centred(self, x: Tensor, name: str, bias: Tensor) -> Tensor:
        mean = x.float().mean((0, 2, 3))
        if self._net.means is not None:
            self._net.means.setdefault(f"{self._scope}.{name}.bias", []).append(mean.detach())
        shift = bias - mean if self._net.centring else bias
        return x + shift.view(1, -1, 1, 1).to(x.dtype)


@torch.no_grad()
def means_of(net: CentredNet, batches: Sequence[Batch], *, centring: bool) -> dict[str, Tensor]:
    """The mean of each layer's output without its bias, by the bias's key; (channels) each."""
    net.centring, net.means = centring, {}
    for batch in batches:
        net.match(net.prepare(batch.img0), net.prepare(batch.img1))  # no later layer is centred
    found = {key: torch.stack(values).mean(0) for key, values in net.means.items()}
    net.centring, net.means = True, None
    return found


@torch.no_grad()
def unfold(net: CentredNet, batches: Sequence[Batch]) -> None:
    """Weights of a `PyramidNet` become those of a centred one that gives the same on average."""
    weights = net.weights
    for key, mean in means_of(net, batches, centring=False).items():
        weights[key].add_(mean)


@torch.no_grad()
def folded(net: CentredNet, batches: Sequence[Batch]) -> dict[str, Tensor]:
    """The state of a `PyramidNet` that gives what `net` does on average over the batches."""
    state = {key: value.clone() for key, value in net.state_dict().items()}
    for key, mean in means_of(net, batches, centring=True).items():
        state[key] -= mean
    return state
