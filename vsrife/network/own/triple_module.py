"""The network of three frames as a PyTorch module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsrife.network.ifnet import blend
from vsrife.network.module import Described, Outcome, Trace, blended, times
from vsrife.network.options import RunOptions
from vsrife.network.own import triple
from vsrife.network.own.triple import NEXT, PREVIOUS, Features
from vsrife.network.table import Arch

_FRAMES, _COLOURS = 3, 3


class TripleNet(Described):
    """See `triple`. Its parameters have the keys of DistilDRBA's checkpoints.

    To whoever runs it, it is a network of two frames: the third one comes with `pictures`.
    """

    arch: Arch

    def prepare(self, image: Tensor) -> Features[Tensor]:
        self.check_sides(image)
        return triple.prepare(
            self.operations(image), self.weights, self.arch, self.scale, image.float()
        )

    def interpolate(
        self,
        left: Features[Tensor],
        right: Features[Tensor],
        timestep: float | Tensor,
        trace: Trace | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
        matched: Tensor | None = None,
    ) -> Tensor:
        """See `Network.interpolate`; of timesteps, no maps.

        The frame that is nearer in time is the middle one of three, the right one at 0.5, as in
        DistilDRBA's own filter. pictures: those of left and right, each followed by those of the
        frames before and after it, (N, 3 C, H, W) with C = 3 or 4; the result is (N, C, H, W).
        Without these, a third frame is the middle one, held.
        """
        before, after, own = left, right, pictures
        if pictures is not None and pictures[0].shape[1] >= _FRAMES * _COLOURS:
            first, second = (torch.chunk(each, _FRAMES, 1) for each in pictures)
            before, after = (self.prepare(each[:, :_COLOURS]) for each in (first[1], second[2]))
            own = first[0], second[0]
        t = times(timestep, left.image)
        near = t < 0.5  # decided by tensors: a batch may have both, and calls may be recorded
        at = torch.where(near, t + 1, t)
        sides = ((before, left), (left, right), (right, after))
        frames = [_chosen(near, a, b) for a, b in sides]
        outer = _chosen(near, right, left)
        joined = None
        if own is not None:
            a, b = (each.float() for each in own)
            joined = torch.cat((torch.where(near, a, b), torch.where(near, b, a)))
        ops = self.operations(left.image)
        found = triple.refine(ops, self.weights, self.arch, self.scale, frames, outer, at, joined)
        options = RunOptions(self.scale, ensemble=False)
        # time from the middle to the outer frame, as its flow is
        return blended(ops, options, found, torch.where(near, t, 1 - t), outcome)

    def between(self, images: Sequence[Tensor], timestep: float) -> Tensor:
        """The frame (N, 3, H, W) at `timestep`, 0.5 to 1.5, of three images at times 0, 1 and 2.

        images: (N, 3, H, W) in 0..1, sides multiples of `pad_unit`.
        """
        frames = [self.prepare(image) for image in images]
        t = times(timestep, images[0])
        outer = frames[PREVIOUS if timestep < 1 else NEXT]
        ops = self.operations(images[0])
        found = triple.refine(ops, self.weights, self.arch, self.scale, frames, outer, t)
        return blend(ops, found)[0]


def _chosen(near: Tensor, a: Features[Tensor], b: Features[Tensor]) -> Features[Tensor]:
    """Of each item of a batch, a where it is near, else b."""
    return Features(*(torch.where(near, x, y) for x, y in zip(a, b, strict=True)))
