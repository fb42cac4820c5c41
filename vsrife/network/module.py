"""The networks as PyTorch modules, with the keys of official checkpoints."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsrife.errors import ArgumentError
from vsrife.network import encoder
from vsrife.network.ifnet import Refined, Watcher, blend, refine
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import RunOptions
from vsrife.network.outcome import confidence
from vsrife.network.table import RESCALE_LIMIT, Arch, Row, Shape, state_shapes

Outcome = tuple[Tensor, Tensor]  # confidence (N,), flow (N, 4, H, W)
Trace = list[tuple[Tensor, Tensor]]


class Network(nn.Module):
    """See `vsrife.network.build`. pad_unit: width and height must be multiples of this, pixels.
    fused: of `TorchOperations`, for whoever needs no gradients and knows that it works.

    `forward` is `interpolate(prepare(img0), prepare(img1), timestep)`. `prepare` depends on one
    image alone, so for a clip its results are kept; those of `match` for the timesteps of a pair.
    """

    def __init__(self, arch: Row, *, scale: float = 1.0, ensemble: bool = False) -> None:
        super().__init__()
        self.arch, self.scale, self.ensemble = arch, scale, ensemble
        self.pad_unit = arch.pad_unit(scale)
        self.fused = False

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights and of the convolutions."""
        return next(self.parameters()).dtype

    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor) -> Tensor:
        """The image (N, 3, H, W) at `timestep`, in the type of img0; see `build`."""
        return self.interpolate(self.prepare(img0), self.prepare(img1), timestep).to(img0.dtype)

    @abstractmethod
    def prepare(self, image: Tensor) -> Any:
        """What is needed of an image (N, 3, H, W): for `match` and `interpolate` alone to read.

        Rows of IFNet give the image clamped to 0..1 and its encoding, (N, 3 + encoder.out, H, W),
        in the weights' type; pyramids `pyramid.Features`.
        """

    def match(self, left: Any, right: Any) -> Tensor | None:
        """What all timesteps between two prepared images share; None if there is no such thing."""
        return None

    @abstractmethod
    def interpolate(
        self,
        left: Any,
        right: Any,
        timestep: float | Tensor,
        trace: Trace | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
        matched: Tensor | None = None,
    ) -> Tensor:
        """The fp32 image (N, 3, H, W) at `timestep` between two prepared ones, left 0, right 1.

        timestep: 0..1, a number, (N, 1, 1, 1) or a map (N, 1, H, W).
        trace: receives flow (N, 4, H, W) and mask logit (N, 1, H, W) after each run of a block, for
        training; networks that rescale add nothing.
        pictures: left and right (N, C, H, W), any range, warped and blended instead of the images;
        the result then is (N, C, H, W).
        outcome: receives the confidence (N,) and the flow (N, 4, H, W).
        matched: result of `match` for both; None: it is computed, if there is such a thing.
        """

    def check_sides(self, image: Tensor) -> None:
        """ArgumentError unless width and height of an image are multiples of `pad_unit`."""
        height, width = image.shape[2:]
        if height % self.pad_unit or width % self.pad_unit:
            raise ArgumentError(
                f"images must have sides that are multiples of {self.pad_unit}, "
                f"not {width}x{height}; pad them"
            )


class Described(Network):
    """A network whose layers are described over operations: a module of parameters alone.

    They have the keys of checkpoints.
    """

    def __init__(self, arch: Row, *, scale: float = 1.0, ensemble: bool = False) -> None:
        super().__init__(arch, scale=scale, ensemble=ensemble)
        self._owners: list[tuple[str, nn.Module, str]] = []
        shapes = state_shapes(arch)
        for key in shapes:
            owner: nn.Module = self
            *path, name = key.split(".")
            for part in path:
                if part not in owner._modules:
                    owner.add_module(part, nn.Module())
                owner = owner.get_submodule(part)
            owner.register_parameter(name, nn.Parameter(_random(key, shapes)))
            self._owners.append((key, owner, name))

    @property
    def weights(self) -> dict[str, Tensor]:
        """The parameters by their keys."""
        return {key: getattr(owner, name) for key, owner, name in self._owners}

    def operations(self, image: Tensor) -> TorchOperations:
        """Those for frames of the image's size; training has others."""
        return TorchOperations(size_of(image), compute=self.dtype, fused=self.fused)


class IFNet(Described):
    """The network of an official row. Its parameters have the keys of official checkpoints."""

    arch: Arch

    def prepare(self, image: Tensor) -> Tensor:
        self.check_sides(image)
        ops = TorchOperations(size_of(image), compute=self.dtype, full=self.dtype)
        return encoder.prepare(ops, self.weights, self.arch, image.to(self.dtype))

    def interpolate(
        self,
        left: Tensor,
        right: Tensor,
        timestep: float | Tensor,
        trace: Trace | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
        matched: Tensor | None = None,
    ) -> Tensor:
        n, t = left.shape[0], times(timestep, left)
        if not self.arch.rescales:
            joined = None if pictures is None else torch.cat(pictures).float()
            pair = torch.cat((left, right)).float()
            watcher = None if trace is None else Watcher[Tensor](state=_noted(trace))
            return self._run(pair, t, joined, outcome, watcher=watcher)
        # each frame decides alone whether to rescale, so each one runs alone
        sources = [(left, right), *([] if pictures is None else [pictures])]
        pairs = [
            [torch.cat((a[i : i + 1], b[i : i + 1])).float() for a, b in sources] for i in range(n)
        ]
        return torch.cat(
            [
                self._run_or_rescale(t[i : i + 1], pair, moved[0] if moved else None, outcome)
                for i, (pair, *moved) in enumerate(pairs)
            ]
        )

    def _run_or_rescale(
        self, t: Tensor, pair: Tensor, pictures: Tensor | None, outcome: list[Outcome] | None
    ) -> Tensor:
        def check(flow: Tensor) -> None:
            if bool((ops.largest(flow) > RESCALE_LIMIT).all()):
                raise _MotionTooLarge

        ops = TorchOperations(size_of(pair))
        try:
            return self._run(pair, t, pictures, outcome, watcher=Watcher(own=check))
        except _MotionTooLarge:
            height, width = pair.shape[2:]
            unit = 2 * self.pad_unit  # doubled scales need twice the multiple; vs-rife fails here
            padding = (0, -width % unit, 0, -height % unit)
            pair = F.pad(pair, padding, mode="replicate")
            if pictures is not None:
                pictures = F.pad(pictures, padding, mode="replicate")
            if t.shape[2:] != (1, 1):
                t = F.pad(t, padding, mode="replicate")
            out = self._run(pair, t, pictures, outcome, doubled=True)
            return out[:, :, :height, :width]

    def _run(
        self,
        pair: Tensor,
        t: Tensor,
        pictures: Tensor | None,
        outcome: list[Outcome] | None,
        *,
        watcher: Watcher[Tensor] | None = None,
        doubled: bool = False,
    ) -> Tensor:
        """The image (N, C, H, W); pair (2N, C, H, W), the N left frames first."""
        ops = self.operations(pair)
        options = RunOptions(self.scale, self.ensemble, doubled, t.shape[2:] != (1, 1))
        found = refine(ops, self.weights, self.arch, options, pair, t, pictures, watcher)
        return blended(ops, options, found, t, outcome)


def blended(
    ops: TorchOperations,
    options: RunOptions,
    found: Refined[Tensor, Tensor],
    t: Tensor,
    outcome: list[Outcome] | None,
) -> Tensor:
    """The new picture; `outcome` as of `Network.interpolate`."""
    image, difference = blend(ops, found)
    if outcome is not None:
        doubt = confidence(ops, options, difference[:, :3], found.flow, t)
        outcome.append((doubt, found.flow))
    return image


def times(timestep: float | Tensor, like: Tensor) -> Tensor:
    """A timestep as (N, 1, 1, 1), or a map (N, 1, H, W), fp32; N and device as those of `like`."""
    n = like.shape[0]
    if not isinstance(timestep, Tensor):
        timestep = torch.full((n, 1, 1, 1), timestep, device=like.device, dtype=torch.float32)
    return timestep.to(like.device, torch.float32).expand(n, 1, -1, -1)


def _noted(trace: Trace) -> Callable[[Tensor, Tensor], None]:
    return lambda flow, mask: trace.append((flow, mask))


class _MotionTooLarge(Exception):  # noqa: N818  # control flow within this file
    pass


def size_of(image: Tensor) -> tuple[int, int]:
    """Width and height."""
    return image.shape[3], image.shape[2]


def _random(key: str, shapes: Mapping[str, Shape]) -> Tensor:
    """Initial weights, like those of PyTorch's own layers."""
    shape = shapes[key]
    if key.endswith(".beta"):
        return torch.ones(shape)
    if len(shape) == 1 and not key.endswith(".bias"):
        return torch.full(shape, 0.25)  # slopes of a PReLU
    kernel = shapes[f"{key.rpartition('.')[0]}.weight"]
    bound = prod(kernel[1:]) ** -0.5
    made = torch.empty(shape)
    # on meta it draws nothing, and takes its time over it
    return made if made.is_meta else made.uniform_(-bound, bound)
