"""LPIPS with AlexNet: how far apart two pictures are in the features of a network.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
The user brings AlexNet's weights, as torchvision publishes them (BSD-3-Clause); nothing is fetched.
The weights of LPIPS itself come with torchmetrics (BSD-2-Clause), whose own function would download
AlexNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsrife.errors import ModelError, needing
from vsrife.evaluation.plotting import own_folder
from vsrife.evaluation.scores.measures import Lpips, Picture
from vsrife.weights import read_weights

if TYPE_CHECKING:
    from torch import Tensor

# Convolutions of alexnet().features by number: stride, padding, pooling (3 by 3, stride 2) before
_CONVS = {0: (4, 2, False), 3: (1, 2, True), 6: (1, 1, True), 8: (1, 1, False), 10: (1, 1, False)}
_SHAPES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures in -1..1
SMALLEST = 64  # pixels each way: smaller pictures have no last features


def load(path: Path) -> Lpips:
    """The measure, 0 for equal pictures, from a file of AlexNet's weights.

    ModelError for another file, BackendError if torchmetrics is missing.
    """
    state = read_weights(path)
    for number, (out, into, side) in _SHAPES.items():
        weight = state.get(f"features.{number}.weight")
        if weight is None or tuple(weight.shape) != (out, into, side, side):
            raise ModelError(
                f"{path} holds no AlexNet with keys features.0.weight and on; "
                "save torchvision.models.alexnet(weights=...).state_dict()"
            )
    linear = _linear()

    def measure(picture: Picture, truth: Picture) -> float:
        import torch

        with torch.inference_mode():
            return _distance(state, linear, _tensor(picture, truth))

    return measure


def _linear() -> list[Tensor]:
    """The weight of each feature, (1, C, 1, 1) for each of the five depths."""
    import torch

    with needing("lpips", "eval"), own_folder():  # it imports matplotlib
        import torchmetrics.functional.image as package
    with resources.as_file(resources.files(package) / "lpips_models" / "alex.pth") as file:
        state = torch.load(file, map_location="cpu", weights_only=True)
    return [state[f"lin{depth}.model.1.weight"] for depth in range(len(_CONVS))]


def _tensor(picture: Picture, truth: Picture) -> Tensor:
    """(2, 3, H, W), normalised as AlexNet wants it."""
    import torch

    both = torch.from_numpy(np.stack([picture, truth]).astype(np.float32)).permute(0, 3, 1, 2)
    shift, scale = (torch.tensor(rgb).view(1, 3, 1, 1) for rgb in (_SHIFT, _SCALE))
    return (both * 2 - 1 - shift) / scale


def _distance(state: Mapping[str, Tensor], linear: list[Tensor], x: Tensor) -> float:
    from torch.nn import functional as F

    total = 0.0
    for (number, (stride, padding, pooled)), weights in zip(_CONVS.items(), linear, strict=True):
        if pooled:
            x = F.max_pool2d(x, 3, 2)
        weight, bias = (state[f"features.{number}.{part}"] for part in ("weight", "bias"))
        x = F.relu(F.conv2d(x, weight, bias, stride, padding))
        unit = x / (1e-8 + x.square().sum(1, keepdim=True)).sqrt()
        ours, theirs = unit.chunk(2)
        total += float(((ours - theirs).square() * weights).sum(1).mean())
    return total
