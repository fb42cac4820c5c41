"""Runs the networks of the peer, vs-rife, as it is installed. Needs torch.

Only its network files are imported, as modules of a package that is made here: the peer's own
package needs VapourSynth and has the name of ours. What the network warps and blends with is
recorded as it runs, so that no rule of our table is behind these values.
"""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.golden import formula
from tests.golden.goldens import Arrays, Case, cases_of
from vsrife.network.table import VERSIONS

PACKAGE = "peer_networks"


class PeerError(Exception):
    """The peer is not installed in this environment."""


def find_folder(version: str) -> Path:
    """The folder of the installed peer's network files; PeerError unless it has that version."""
    # our own distribution is called vapoursynth-rife, so this is the peer's
    try:
        peer = metadata.distribution("vsrife")
    except metadata.PackageNotFoundError:
        peer = None
    if peer is None or peer.version != version:
        found = f"vsrife {peer.version}" if peer else "none"
        raise PeerError(
            f"this environment must have vsrife {version}, not {found}; "
            "leave --here out to have an environment made"
        )
    return Path(str(peer.locate_file("vsrife")))


def module_name(version: str) -> str:
    """Name of the file of a version's network, without its suffix."""
    return f"IFNet_HDv3_v{version.replace('.', '_')}"


def load(folder: Path, version: str) -> ModuleType:
    """The module of a version's network."""
    package = ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{module_name(version)}")


def values_of(folder: Path, version: str) -> Arrays:
    """What the version's network gives for every case of its arch, under `{case}/{name}`."""
    arch, module, values = VERSIONS[version], load(folder, version), {}
    for case in cases_of(arch):
        numbers = formula.make_state(arch, case.weight_seed, case.flow_gain)
        state = {key: torch.from_numpy(value) for key, value in numbers.items()}
        for name, value in run(module, state, case).items():
            values[f"{case.name}/{name}"] = value
    return values


@torch.inference_mode()
def run(module: ModuleType, state: dict[str, Tensor], case: Case) -> Arrays:
    """The arrays of one case: `out`, and for case base its intermediates."""
    with torch.device("meta"):
        net = module.IFNet(case.scale, case.ensemble)
    net.load_state_dict(state, strict=True, assign=True)
    net.eval()
    sides = case.height, case.width
    pictures = formula.make_images(*sides, case.image_seed, case.overshoot)
    images = [torch.from_numpy(picture)[None] for picture in pictures]
    encoder = dict(net.named_children()).get("encode")
    encoded = [encoder(image) for image in images] if encoder else []
    timestep = torch.full((1, 1, *sides), case.t)
    traced: dict[str, Tensor] = {}
    _trace_blocks(net, traced)
    with (
        mock.patch.object(module, "warp", wraps=module.warp) as warp,
        mock.patch.object(torch, "sigmoid", wraps=torch.sigmoid) as sigmoid,
    ):
        out = net(*images, timestep, *_warp_arguments(*sides), *encoded)
    arrays = {"out": _kept(out, case.stride)}
    if case.flow_stride is not None and case.trace_stride is not None:
        flow = torch.cat([call.args[1] for call in warp.call_args_list[-2:]], 1)
        arrays["flow"] = _kept(flow, case.flow_stride)
        arrays["mask"] = _kept(sigmoid.call_args.args[0], case.flow_stride)
        if encoded:
            traced["encoded0"] = encoded[0]
        arrays |= {name: _kept(value, case.trace_stride) for name, value in traced.items()}
    return arrays


def _trace_blocks(net: nn.Module, traced: dict[str, Tensor]) -> None:
    """Have what each block gives put into `traced`; what it gives last, if it runs twice."""
    for name, child in net.named_children():
        if name.startswith("block"):

            def keep(_: nn.Module, __: object, given: tuple[Tensor, ...], name: str = name) -> None:
                traced[name] = torch.cat(given, 1)

            child.register_forward_hook(keep)


def _warp_arguments(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Pixels (x, y) of one unit of grid_sample's coordinates, and the grid (1, 2, H, W) itself."""
    x, y = (torch.linspace(-1, 1, side) for side in (width, height))
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    return torch.tensor([width - 1, height - 1]) / 2, grid[None]


def _kept(value: Tensor, stride: int) -> NDArray[np.float32]:
    """A batch of one (1, C, H, W) as (C, H, W), every `stride`-th row and column."""
    return value[0, :, ::stride, ::stride].numpy().copy()
