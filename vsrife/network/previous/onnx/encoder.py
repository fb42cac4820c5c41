"""The per-frame part of a network as a graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto

from vsrife.errors import ArgumentError
from vsrife.network.operations.onnx_writer import Array, Dim, Writer
from vsrife.network.options import GraphOptions, check
from vsrife.network.previous.onnx.operations import cast, conv, deconv, join, leaky
from vsrife.network.state_dict import check_state
from vsrife.network.table import Arch


def build_encoder(
    state: Mapping[str, Array], arch: Arch, options: GraphOptions, metadata: Mapping[str, str] = {}
) -> ModelProto:
    """What `IFNet.prepare` does, for rows with an encoder.

    Input `image` (1, 3, H, W), any range; output `features` (1, 3 + encoder.out, H, W): the image
    clamped to 0..1 and its encoding. Of the options size, scale (for the multiples) and half count.
    """
    check(arch, options)
    check_state(state, arch)
    if arch.encoder is None:
        raise ArgumentError("this network has no encoder; its flow graph reads clamped pictures")
    w = Writer(half=options.half)
    sides: list[Dim] = ["height", "width"] if options.size is None else list(options.size[::-1])
    image = w.input("image", [1, 3, *sides])
    w.output("features", write_encoder(w, state, arch, image), [1, 3 + arch.encoder.out, *sides])
    return w.model(metadata)


def write_encoder(w: Writer, state: Mapping[str, Array], arch: Arch, image: str) -> str:
    """Image (N, 3, H, W) -> (N, 3 + encoder.out, H, W); just clamped where there is no encoder."""
    encoder = arch.encoder
    clamped = w.op("Clip", image, w.constant(0.0), w.constant(1.0))
    if encoder is None:
        return clamped
    x = cast(w, clamped if encoder.clamps else image, half=True)
    *convs, last = encoder.layers
    for j, layer in enumerate(convs):
        weight, bias = (
            np.asarray(state[f"encode.{layer}.{kind}"], np.float32) for kind in ("weight", "bias")
        )
        x = conv(w, x, f"encode.{layer}", weight, bias, stride=1 if j else 2)
        if not encoder.linear:
            x = leaky(w, x)
    weight, bias = (
        np.asarray(state[f"encode.{last}.{kind}"], np.float32) for kind in ("weight", "bias")
    )
    x = deconv(w, x, f"encode.{last}", weight, bias)
    return join(w, [clamped, cast(w, x, half=False)])
