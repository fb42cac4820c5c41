"""The network of three frames as a PyTorch module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsrife.network import triple
from vsrife.network.ifnet import blend
from vsrife.network.module import Described, size_of
from vsrife.network.operations.torch import TorchOperations
from vsrife.network.table import Arch
from vsrife.network.triple import NEXT, PREVIOUS


class TripleNet(Described):
    """See `triple`. Its parameters have the keys of DistilDRBA's checkpoints."""

    arch: Arch

    def between(self, images: Sequence[Tensor], timestep: float) -> Tensor:
        """The frame (N, 3, H, W) at `timestep`, 0.5 to 1.5, of three images at times 0, 1 and 2.

        images: (N, 3, H, W) in 0..1, sides multiples of `pad_unit`.
        """
        for image in images:
            self.check_sides(image)
        ops = TorchOperations(size_of(images[0]), compute=self.dtype)
        weights = self.weights
        frames = [
            triple.prepare(ops, weights, self.arch, self.scale, image.float()) for image in images
        ]
        t = torch.full((len(images[0]), 1, 1, 1), timestep, device=images[0].device)
        outer = PREVIOUS if timestep < 1 else NEXT
        found = triple.refine(ops, weights, self.arch, self.scale, frames, outer, t)
        return blend(ops, found)[0]
