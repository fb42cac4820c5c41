"""IFNet, the network of RIFE v4 (Huang et al., ECCV 2022), built from a row of the table.

Coarse to fine, each block corrects two flows and a blend mask; after each, both images are warped
anew. Flow and coordinates are fp32 whatever the weights' type: the sum of flows needs the digits,
and fp16 coordinates miss whole pixels beyond 2048.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsrife.errors import ArgumentError
from vsrife.network.previous.torch import static
from vsrife.network.previous.torch.block import Block
from vsrife.network.previous.torch.encoder import make_encoder
from vsrife.network.previous.torch.warp import base_grid, warp
from vsrife.network.table import ANCHOR_WEIGHT, CHANGE_WEIGHT, RESCALE_LIMIT, arch_of, check_options

Outcome = tuple[Tensor, Tensor]  # of a run: confidence (N,), flow (N, 4, H, W)


class IFNet(nn.Module):
    """See `vsrife.network.build`. `pad_unit`: sides of images are multiples of this many pixels.
    blocks: only so many of the first ones, to train them (None: all).

    `forward` is `interpolate(prepare(img0), prepare(img1), timestep)`; who interpolates several
    frames of a clip keeps what `prepare` gives, since it depends on one image alone.
    """

    def __init__(
        self,
        version: str,
        *,
        scale: float = 1.0,
        ensemble: bool = False,
        blocks: int | None = None,
    ) -> None:
        super().__init__()
        check_options(version, scale, ensemble)
        arch = arch_of(version)
        if blocks is not None:
            arch = arch.first(blocks)
        self.arch, self.scale, self.ensemble = arch, scale, ensemble
        self.pad_unit = arch.pad_unit(scale)
        for i in range(len(arch.widths)):
            self.add_module(f"block{i}", Block(arch, i))
        if arch.encoder:
            self.encode = make_encoder(arch.encoder)

    @property
    def blocks(self) -> list[Block]:
        return [getattr(self, f"block{i}") for i in range(len(self.arch.widths))]

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type, which convolutions compute in."""
        return next(self.parameters()).dtype

    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor) -> Tensor:
        return self.interpolate(self.prepare(img0), self.prepare(img1), timestep).to(img0.dtype)

    def prepare(self, image: Tensor) -> Tensor:
        """The image clamped to 0..1 and its encoding: (N, 3, H, W) -> (N, 3 + encoder.out, H, W).

        The result has the weights' type.
        """
        height, width = image.shape[2:]
        if height % self.pad_unit or width % self.pad_unit:
            raise ArgumentError(
                f"images must have sides that are multiples of {self.pad_unit}, "
                f"not {width}x{height}; pad them"
            )
        image = image.to(self.dtype)
        clamped = image.clamp(0, 1)
        if not self.arch.encoder:
            return clamped
        return torch.cat((clamped, self.encode(image)), 1)

    def interpolate(
        self,
        left: Tensor,
        right: Tensor,
        timestep: float | Tensor,
        trace: list[tuple[Tensor, Tensor]] | None = None,
        pictures: tuple[Tensor, Tensor] | None = None,
        outcome: list[Outcome] | None = None,
    ) -> Tensor:
        """The fp32 image (N, 3, H, W) at `timestep` between two prepared ones, left 0, right 1.

        timestep: also (N, 1, H, W), where parts of the picture keep times of their own.
        trace: takes (flow (N, 4, H, W), mask logit (N, 1, H, W)) after each run of a block, for
        training; the last one of a `still` row adds a second logit, of what stands still, to the
        mask's; networks that rescale give none.
        pictures: left and right (N, C, H, W), any range: what is to be moved and blended instead of
        the prepared images; gives (N, C, H, W).
        outcome: takes `confidence` (N,) and the flow (N, 4, H, W) of each run, less where it is
        overruled by what stands still.
        """
        n = left.shape[0]
        if not isinstance(timestep, Tensor):
            timestep = torch.full((n, 1, 1, 1), timestep, device=left.device, dtype=torch.float32)
        t = timestep.to(left.device, torch.float32).expand(n, 1, -1, -1)
        divisors = [s / self.scale for _, s in self.arch.runs]
        if not self.arch.rescales:
            joined = None if pictures is None else torch.cat(pictures).float()
            pair = torch.cat((left, right)).float()
            return self._run(pair, t, divisors, trace=trace, pictures=joined, outcome=outcome)
        # Whether to rescale is each frame's own question, so no frame may share a batch
        sides = [(left, right), *([] if pictures is None else [pictures])]
        pairs = [
            [torch.cat((a[i : i + 1], b[i : i + 1])).float() for a, b in sides] for i in range(n)
        ]
        return torch.cat(
            [self._run_or_rescale(t[i : i + 1], divisors, outcome, *p) for i, p in enumerate(pairs)]
        )

    def _run_or_rescale(
        self,
        t: Tensor,
        divisors: list[float],
        outcome: list[Outcome] | None,
        pair: Tensor,
        pictures: Tensor | None = None,
    ) -> Tensor:
        try:
            return self._run(
                pair, t, divisors, limit=RESCALE_LIMIT, pictures=pictures, outcome=outcome
            )
        except _MotionTooLarge:
            height, width = pair.shape[2:]
            unit = 2 * self.pad_unit  # doubled scales need twice the multiple; vs-rife crashes here
            padding = (0, -width % unit, 0, -height % unit)
            pair = F.pad(pair, padding, mode="replicate")
            if pictures is not None:
                pictures = F.pad(pictures, padding, mode="replicate")
            if t.shape[2:] != (1, 1):
                t = F.pad(t, padding, mode="replicate")
            doubled = [2 * s for s in divisors]
            out = self._run(pair, t, doubled, first_single=True, pictures=pictures, outcome=outcome)
            return out[:, :, :height, :width]

    def _run(
        self,
        pair: Tensor,
        t: Tensor,
        divisors: list[float],
        *,
        limit: float | None = None,
        first_single: bool = False,
        trace: list[tuple[Tensor, Tensor]] | None = None,
        pictures: Tensor | None = None,
        outcome: list[Outcome] | None = None,
    ) -> Tensor:
        """All blocks over `pair` (2N, C, H, W), the N left frames first; -> (N, 3, H, W).

        limit: raise _MotionTooLarge if block 1's own flow passes it for both images; first_single:
        block 0 runs one way round only, even with ensemble; trace, outcome, pictures
        (2N, C, H, W): see `interpolate`.
        """
        grid = base_grid(pair)
        warped = pair
        flow: Tensor | None = None
        passed_on: list[Tensor] = []  # the mask, a logit, and features where there are any
        blocks = self.blocks
        runs = [blocks[i] for i, _ in self.arch.runs]
        for i, (block, s) in enumerate(zip(runs, divisors, strict=True)):
            if not (self.arch.still and block is blocks[-1]):
                step, logit, features = block(warped, t, passed_on, flow, s)
            else:
                images = pair[:, :3].chunk(2)
                change = static.change(*images)
                unmoved = torch.cat((F.avg_pool2d(change, 2), static.likeness(*images)), 1)
                step, logit, still = block(warped, t, passed_on, flow, s, unmoved)
                held = static.anchored(images[0], images[1], change)
                features = still - CHANGE_WEIGHT * change + ANCHOR_WEIGHT * held
            if limit is not None and i == 1 and _passes(step, limit):
                raise _MotionTooLarge
            if self.ensemble and not (first_single and i == 0):
                # the same with time mirrored: images, flows and mask change places
                backward, opposite, _ = block(
                    warped.roll(warped.shape[0] // 2, 0),
                    1 - t,
                    [-m for m in passed_on],
                    None if flow is None else flow.roll(2, 1),
                    s,
                )
                step, logit = (step + backward.roll(2, 1)) / 2, (logit - opposite) / 2
            flow = step if flow is None else flow + step
            mask = passed_on[0] + logit if passed_on and self.arch.mask_adds else logit
            passed_on = [mask] if features is None else [mask, features]
            if trace is not None:
                ends = self.arch.still and block is blocks[-1]
                trace.append((flow, torch.cat(passed_on, 1) if ends else mask))
            source, mode = pair, "bilinear"
            if block is blocks[-1]:
                # encodings are read by blocks only, so the last warp can do without them
                source = pair[:, :3] if pictures is None else pictures
                mode = "bicubic" if self.arch.sharp else mode
            warped = warp(source, torch.cat((flow[:, :2], flow[:, 2:])), grid, mode)
        left, right = warped.chunk(2)
        still = torch.sigmoid(passed_on[1]) if self.arch.still else None
        if outcome is not None and flow is not None:
            seen = flow if still is None else flow * (1 - still)
            outcome.append((confidence(left, right, flow, t), seen))
        # not left * m + right * (1 - m): this form is exact where both sides agree
        moved = right + torch.sigmoid(passed_on[0]) * (left - right)
        before, after = (pair[:, :3] if pictures is None else pictures).chunk(2)
        if self.arch.sharp:
            moved = _within(moved, before, after)
        if still is None:
            return moved
        return torch.lerp(moved, torch.lerp(before, after, t), still)


def _within(moved: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """`moved` without what a sharp warp puts beyond the range of each plane of both pictures."""
    low = torch.minimum(before.amin((2, 3), keepdim=True), after.amin((2, 3), keepdim=True))
    high = torch.maximum(before.amax((2, 3), keepdim=True), after.amax((2, 3), keepdim=True))
    return torch.clamp(moved, low, high)


def confidence(left: Tensor, right: Tensor, flow: Tensor, timestep: Tensor) -> Tensor:
    """How far a new frame can be trusted, (N,) in 0..1: how well both sides agree on it.

    left, right (N, C, H, W): warped images in 0..1, of which three channels count; flow
    (N, 4, H, W); timestep (N, 1, 1 or H, 1 or W). Mean over every eighth pixel both ways of
    exp(-difference / 0.1) * exp(-bend / (2 + distance / 2)): the difference of the images there,
    and by how many pixels the flows miss being halves of one straight way of that distance.
    """
    seen = (..., slice(None, None, 8), slice(None, None, 8))
    t = timestep if timestep.shape[2:] == (1, 1) else timestep[seen]
    difference = (left[:, :3][seen] - right[:, :3][seen]).abs().mean(1)
    to_left, to_right = flow[:, :2][seen], flow[:, 2:][seen]
    bend = 2 * torch.linalg.vector_norm((1 - t) * to_left + t * to_right, dim=1)
    distance = torch.linalg.vector_norm(to_right - to_left, dim=1)
    return torch.exp(-10 * difference - bend / (2 + distance / 2)).mean((1, 2))


class _MotionTooLarge(Exception):  # noqa: N818  # a signal inside this file, no error
    pass


def _passes(flow: Tensor, limit: float) -> bool:
    size = flow.abs()
    return bool(size[:, :2].amax() > limit) and bool(size[:, 2:].amax() > limit)
