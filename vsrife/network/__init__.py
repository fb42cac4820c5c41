"""The network: tensors in, tensors out. Importing this loads no framework; `build` needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.network.previous.torch.ifnet import IFNet

__all__ = ["build"]


def build(
    version: str,
    *,
    scale: float = 1.0,
    ensemble: bool = False,
    state_dict: Mapping[str, Tensor] | None = None,
) -> IFNet:
    """The network of a version ("4.0" ... "4.26.heavy", "nano"), in eval mode.

    scale: 0.25, 0.5, 1, 2 or 4, the resolution at which motion is estimated (0.5 = half).
    ensemble: estimate both ways round and average; ArgumentError where the version lacks it.
    state_dict: weights, with or without a `module.` prefix, loaded strictly (ModelError if they are
        of another network); without them the weights are random.

    The module takes `module(img0, img1, timestep)`: images (N, 3, H, W) in 0..1 with sides that are
    multiples of `module.pad_unit`, timestep a float or (N, 1, 1, 1) in 0..1 from img0 to img1; it
    gives (N, 3, H, W).
    """
    from vsrife.network.previous.torch.ifnet import IFNet
    from vsrife.network.state_dict import load_state

    if state_dict is None:
        return IFNet(version, scale=scale, ensemble=ensemble).eval()
    import torch

    # without numbers until they are loaded: no work for nothing, no draw from the global generator
    with torch.device("meta"):
        module = IFNet(version, scale=scale, ensemble=ensemble)
    load_state(module, state_dict)
    return module.eval()
