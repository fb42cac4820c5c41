"""An optional loss: how far apart two pictures are in the features of VGG-16.

The user brings the weights, as torchvision publishes them (BSD-3-Clause). They are not part of this
project, and its models were trained without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsrife.errors import ModelError
from vsrife.weights import read_weights

# Layers whose outputs are compared, by their number in torchvision's vgg16().features: relu1_2,
# relu2_2, relu3_3 and relu4_3, as in Johnson et al., "Perceptual losses", ECCV 2016
LAYERS = (3, 8, 15, 22)
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pictures VGG was trained on


class PerceptualLoss(nn.Module):
    """Mean absolute difference of VGG-16's features, summed over four depths."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        state = read_weights(weights)
        self.layers = nn.ModuleList(
            _layer(state, number, weights) for number in range(LAYERS[-1] + 1)
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """image, truth (N, 3, H, W) in 0..1, sides of at least 8."""
        mean, spread = (image.new_tensor(rgb).view(1, 3, 1, 1) for rgb in (MEAN, SPREAD))
        x = (torch.cat((image, truth)) - mean) / spread
        loss = x.new_zeros(())
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in LAYERS:
                ours, theirs = x.chunk(2)
                loss = loss + F.l1_loss(ours, theirs)
        return loss


def _layer(state: Mapping[str, Tensor], number: int, path: Path) -> nn.Module:
    """Layer `number` of vgg16().features.

    A layer with weights is a convolution, the one after it ReLU; all others halve the pictures.
    """
    weight = state.get(f"features.{number}.weight")
    if weight is not None:
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, 1, 1)
        conv.load_state_dict({"weight": weight, "bias": state[f"features.{number}.bias"]})
        return conv
    if f"features.{number - 1}.weight" in state:
        return nn.ReLU()
    if number == 0:
        raise ModelError(
            f"{path} holds no VGG-16 with keys features.0.weight and on; "
            "save torchvision.models.vgg16(weights=...).state_dict()"
        )
    return nn.MaxPool2d(2)
