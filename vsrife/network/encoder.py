"""The encoder of an official network: the part that reads one image alone."""

from __future__ import annotations

from vsrife.network.operations.interface import Operations, Weights
from vsrife.network.table import Arch


def prepare[T, P, W](ops: Operations[T, P, W], weights: Weights[W], arch: Arch, image: T) -> T:
    """The image clamped to 0..1 and its encoding: (N, 3, H, W) -> (N, 3 + encoder.out, H, W).

    image: any range; numbered encoders read it unclamped, see `table.Encoder`.
    """
    encoder = arch.encoder
    clamped = ops.clamp(image, 0.0, 1.0)
    if encoder is None:
        return clamped
    with ops.scope("encode"):
        x = ops.to_compute(clamped if encoder.clamps else image)
        *convs, last = encoder.layers
        for j, layer in enumerate(convs):
            weight, bias = (weights[f"encode.{layer}.{kind}"] for kind in ("weight", "bias"))
            x = ops.conv(x, layer, weight, bias, stride=1 if j else 2)
            if not encoder.linear:
                x = ops.leaky(x)
        weight, bias = (weights[f"encode.{last}.{kind}"] for kind in ("weight", "bias"))
        return ops.join([clamped, ops.to_full(ops.deconv(x, last, weight, bias))])
