"""One block of an official network: corrections of flow and mask, estimated at one scale.

Flow is in pixels at full size everywhere. The factor to a checkpoint's unit is folded into the
weights that read and write flow.
"""

from __future__ import annotations

from collections.abc import Sequence

from vsrife.network.operations.interface import Operations, Span, Weights
from vsrife.network.table import Arch


def outputs(arch: Arch, index: int) -> int:
    """Number of used output channels: flow 0-3, mask 4, features 5... for the next block."""
    return 5 + (arch.feat if index + 1 < len(arch.widths) else 0)


def growth(arch: Arch, s: float) -> float:
    """Pixels at full size per output pixel of a block, whose input has one per s pixels."""
    return s if arch.shuffles else 2 * s


def estimate[T, P, W](
    ops: Operations[T, P, W],
    weights: Weights[W],
    arch: Arch,
    index: int,
    s: float,
    pair: P,
    passed_on: Sequence[T],
    timestep: T,
    *,
    mirrored: bool = False,
) -> T:
    """Flow, mask and features (N, outputs, H / growth, W / growth) of block `index`.

    pair: warped frames and encodings; passed_on: flow, mask and features of the block before, in
    one or several tensors, empty for the first block; timestep (N, 1, ...); all (H / s, W / s).
    mirrored, for `ensemble`: estimate from the right to the left frame. The caller passes
    1 - timestep and all else unchanged; the result is in the usual direction.
    """
    with ops.scope(f"block{index}"):
        images = ops.side_by_side(pair, 3 + (arch.encoder.out if arch.encoder else 0))
        x = ops.to_compute(ops.join([images, *passed_on, timestep]))
        layers = Layers(ops, weights, arch, f"block{index}.")
        x = layers.stem(x, stem_spans(arch, index, s, mirrored=mirrored))
        x = layers.body(x, index)
        x = layers.tail(x, tail_spans(arch, index, s, mirrored=mirrored))
        return ops.to_full(x)


class Layers[T, P, W]:
    """The layers of a block. prefix: of its checkpoint keys."""

    def __init__(
        self, ops: Operations[T, P, W], weights: Weights[W], arch: Arch, prefix: str
    ) -> None:
        self._ops, self._weights, self._arch, self._prefix = ops, weights, arch, prefix

    def stem(self, x: T, spans: Sequence[Span]) -> T:
        """Two convolutions of stride 2; spans: the first one's input channels in the order of x."""
        weight = self._ops.take(self._weight("conv0.0.0.weight"), 1, spans)
        bias = self._weight("conv0.0.0.bias")
        x = self._ops.conv(x, "conv0.0.0", weight, bias, stride=2)
        return self._convolved(self._activated(x, "conv0.0.1"), "conv0.1", stride=2)

    def body(self, x: T, index: int) -> T:
        """The convolutions of block `index` at the size of its cells."""
        before = x
        for j in range(self._arch.block_convs(index)):
            if self._arch.body != "beta":
                x = self._convolved(x, f"convblock.{j}")
                continue
            name = f"convblock.{j}.conv"
            weight, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
            beta = self._weight(f"convblock.{j}.beta")
            x = self._ops.residual(x, name, weight, bias, beta, self._arch.groups)
        return self._ops.add(x, before) if self._arch.body == "skip" else x

    def tail(self, x: T, spans: Sequence[Span]) -> T:
        """Transposed convolution of stride 2; spans: its outputs, their order and factor."""
        shuffles = self._arch.shuffles
        name = "lastconv.0" if shuffles else "lastconv"
        weight = self._ops.take(self._weight(f"{name}.weight"), 1, spans)
        bias = self._ops.take(self._weight(f"{name}.bias"), 0, spans)
        x = self._ops.deconv(x, name, weight, bias)
        return self._ops.pixel_shuffle(x) if shuffles else x

    def _convolved(self, x: T, name: str, stride: int = 1) -> T:
        """Convolution and activation, layers 0 and 1 of `name`."""
        weight, bias = self._weight(f"{name}.0.weight"), self._weight(f"{name}.0.bias")
        x = self._ops.conv(x, f"{name}.0", weight, bias, stride=stride)
        return self._activated(x, f"{name}.1")

    def _activated(self, x: T, name: str) -> T:
        if self._arch.prelu:
            return self._ops.prelu(x, self._weight(f"{name}.weight"))
        return self._ops.leaky(x)

    def _weight(self, key: str) -> W:
        return self._weights[self._prefix + key]


def stem_spans(arch: Arch, index: int, s: float, *, mirrored: bool) -> list[Span]:
    """A checkpoint's input channels in the order in which `estimate` joins them.

    A checkpoint has both images, both encodings, timestep, mask, features, flow in s pixels.
    """
    out = arch.encoder.out if arch.encoder else 0
    t = 6 + 2 * out
    left, right = [Span(0, 3)], [Span(3, 6)]
    if out:
        left.append(Span(6, 6 + out))
        right.append(Span(6 + out, t))
    images = [*right, *left] if mirrored else [*left, *right]
    if index == 0:
        return [*images, Span(t, t + 1)]
    mask, flow = t + 1, t + 2 + arch.feat
    passed_on = [*_flow_spans(flow, 1, 1 / s, mirrored), Span(mask, mask + 1, _sign(mirrored))]
    if arch.feat:
        passed_on.append(Span(mask + 1, flow))
    return [*images, *passed_on, Span(t, t + 1)]


def tail_spans(arch: Arch, index: int, s: float, *, mirrored: bool) -> list[Span]:
    """The used outputs of a checkpoint's last layer, with flow in pixels at full size.

    A checkpoint has flow in units of `growth` pixels, and four channels for each one before a pixel
    shuffle.
    """
    phases = 4 if arch.shuffles else 1
    spans = _flow_spans(0, phases, growth(arch, s), mirrored)
    spans.append(Span(4 * phases, 5 * phases, _sign(mirrored)))
    if outputs(arch, index) > 5:
        spans.append(Span(5 * phases, outputs(arch, index) * phases))
    return spans


def _flow_spans(start: int, phases: int, factor: float, mirrored: bool) -> list[Span]:
    """Flow into the left frame, then into the right one; mirrored: right, then left."""
    middle, stop = start + 2 * phases, start + 4 * phases
    if mirrored:
        return [Span(middle, stop, factor), Span(start, middle, factor)]
    return [Span(start, stop, factor)]


def _sign(mirrored: bool) -> float:
    """Sign of the mask, a logit above 0 where the left frame has the larger share."""
    return -1.0 if mirrored else 1.0
