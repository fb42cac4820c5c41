"""The pyramid network as a PyTorch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vsrife.network.module import Described, Outcome, Trace, blended, times
from vsrife.network.options import RunOptions
from vsrife.network.own import pyramid
from vsrife.network.own.pyramid import Features, Watcher
from vsrife.network.own.pyramid_row import PyramidRow


class PyramidNet(Described):
    """See `Network`; what `prepare` gives is `Features` in fp32."""

    arch: PyramidRow

    def prepare(self, image: Tensor) -> Features[Tensor]:
        self.check_sides(image)
        return pyramid.prepare(
            self.operations(image), self.weights, self.arch, self.scale, image.float()
        )

    def match(self, left: Any, right: Any, watcher: Watcher[Tensor] | None = None) -> Tensor:
        matched: Tensor = pyramid.match(
            self.operations(left.image), self.weights, self.arch, self.scale, left, right, watcher
        )
        return matched

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
        state = self.match(left, right) if matched is None else matched
        t = times(timestep, left.image)
        ops = self.operations(left.image)
        bends = None
        if pictures is None:
            joined, bends = ops.stack(left.image, right.image), ops.stack(left.bends, right.bends)
        else:
            joined = torch.cat(pictures).float()
        planes = joined.shape[1]
        mapped = t.shape[2:] != (1, 1)
        options = RunOptions(self.scale, timestep_map=mapped, planes=planes)
        views = left.view4, right.view4
        weights, row = self.weights, self.arch
        found = pyramid.refine(ops, weights, row, options, views, state, t, joined, bends)
        if trace is not None:
            trace.append((found.flow, found.mask))
        return blended(ops, options, found, t, outcome)
