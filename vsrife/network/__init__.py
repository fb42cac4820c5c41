"""The network: tensors in, tensors out. Importing this loads no framework; `build` needs torch.

Networks are described once over the operations of `operations.interface`: official ones (`ifnet`,
`block`, `encoder`), pyramids (`pyramid`), those for small machines (`mobile`) and one of three
frames (`triple`); `outcome` is for all. `build` returns the PyTorch module, `graphs` writes ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.network.module import Network

__all__ = ["build"]


def build(
    version: str,
    *,
    scale: float = 1.0,
    ensemble: bool = False,
    state_dict: Mapping[str, Tensor] | None = None,
) -> Network:
    """The network of a version ("4.0" ... "4.26.heavy", "nano"), in eval mode.

    scale: 0.25, 0.5, 1, 2 or 4, the resolution at which flow is estimated (0.5 = half).
    ensemble: average the estimates in both directions; ArgumentError if the version lacks it.
    state_dict: weights, with or without a `module.` prefix, loaded strictly (ModelError if they
        belong to another network); None: random weights.

    `module(img0, img1, timestep)` returns the image (N, 3, H, W). img0, img1 (N, 3, H, W) in 0..1,
    width and height multiples of `module.pad_unit`; timestep a float or (N, 1, 1, 1) in 0..1 from
    img0 to img1.
    """
    from vsrife.network.state_dict import load_state

    if state_dict is None:
        return _make(version, scale=scale, ensemble=ensemble).eval()
    import torch

    # meta: no memory and no random numbers before the weights are loaded
    with torch.device("meta"):
        module = _make(version, scale=scale, ensemble=ensemble)
    load_state(module, state_dict)
    return module.eval()


def _make(model: str, *, scale: float, ensemble: bool) -> Network:
    """The network with random weights, on torch's default device."""
    from vsrife.network.module import IFNet
    from vsrife.network.own.mobile_row import MobileRow
    from vsrife.network.own.pyramid_row import PyramidRow
    from vsrife.network.table import arch_of, check_options

    check_options(model, scale, ensemble)
    arch = arch_of(model)
    if isinstance(arch, PyramidRow):
        from vsrife.network.own.pyramid_module import PyramidNet

        return PyramidNet(arch, scale=scale)
    if isinstance(arch, MobileRow):
        from vsrife.network.own.mobile_module import MobileNet

        return MobileNet(arch, scale=scale)
    if arch.frames == 3:
        from vsrife.network.own.triple_module import TripleNet

        return TripleNet(arch, scale=scale)
    return IFNet(arch, scale=scale, ensemble=ensemble)
