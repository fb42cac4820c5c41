"""Random weights that learn soon: what corrects something begins near nothing."""

from __future__ import annotations

import torch
from torch import nn

from vsrife.network.own.mobile_module import MobileNet
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.table import SLOPE, TRAINABLE
from vsrife.training.centred import CentredNet

type Trained = CentredNet | MobileNet

SHARPNESS = 20.0  # first factor of the cosines in the softmax of the matches
# Gains of first weights: of residuals, whose sums grow; of corrections, which begin small
_GAINS = {"out": 0.1, "views": 0.65, "state": 0.65, "volume": 0.6}
_GAINS |= {"meeting": 0.6, "up": 0.65, "last": 0.1}
_TRANSPOSED = ("up", "last")


def _gain(layer: str) -> float:
    if ".body" in layer:
        return 0.5
    return _GAINS.get(layer.rpartition(".")[2], 0.7 if layer.endswith("matches") else 1.0)


def make(name: str) -> Trained:
    """The network of a row of `TRAINABLE`, with first weights."""
    row = TRAINABLE[name]
    model = CentredNet(row) if isinstance(row, PyramidRow) else MobileNet(row)
    set_first_weights(model)
    return model


@torch.no_grad()
def set_first_weights(model: Trained) -> None:
    """Give every parameter its first value, from torch's random numbers."""
    for key, weight in model.weights.items():
        layer, _, kind = key.rpartition(".")
        part = layer.rpartition(".")[2]
        if key.endswith(".sharpness"):
            weight.fill_(SHARPNESS)
        elif kind == "bias" or part == "time":
            weight.zero_()
        elif part in _TRANSPOSED:  # (I, O, 4, 4); of 16 taps, 4 meet in a pixel
            nn.init.kaiming_normal_(weight.transpose(0, 1), SLOPE)
            weight.mul_(2 * _gain(layer))
        else:
            nn.init.kaiming_normal_(weight, SLOPE)
            weight.mul_(_gain(layer))
