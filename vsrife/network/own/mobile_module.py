"""The networks for small machines as a PyTorch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsrife.network.module import Described, Outcome, Trace, blended, times
from vsrife.network.options import RunOptions
from vsrife.network.own import mobile
from vsrife.network.own.mobile import Features
from vsrife.network.own.mobile_row import MobileRow


class MobileNet(Described):
    """See `Network`; what `prepare` gives is `mobile.Features` in fp32."""

    arch: MobileRow

    def prepare(self, image: Tensor) -> Features[Tensor]:
        self.check_sides(image)
        ops = self.operations(image)
        return mobile.prepare(ops, self.weights, self.arch, self.scale, image.float())

    def interpolate(
        self,
        left: Any,
        right: Any,
        timestep: float | Tensor,
        trace: Trace | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
        matched: Tensor | None = None,
        watcher: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        t = times(timestep, left.image)
        ops = self.operations(left.image)
        options = RunOptions(self.scale, timestep_map=t.shape[2:] != (1, 1))
        found = mobile.estimate(ops, self.weights, self.arch, options, left, right, t, watcher)
        images = ops.stack(left.image, right.image)
        joined = None if pictures is None else torch.cat(pictures).float()
        refined = mobile.refine(ops, options, found, images, joined)
        if trace is not None:
            trace.append((refined.flow, refined.mask))
        return blended(ops, options, refined, t, outcome)
