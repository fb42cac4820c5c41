"""The file goldens.npz: its cases, its tolerances, and how it is read, compared and written.

It holds an array for each key `{arch}/{case}/{name}`, and `index`, JSON: the versions of torch and
of the peer, and the cases of each arch. Every case has `out`; case base has these, too:

    flow, mask                  the final ones: pixels, and the logit before the sigmoid
    block0, block1, ...         what each block gives at full size: flow, mask, features
    encoded0                    the encoding of image 0, for archs with an encoder

Arrays are (C, H, W), fp32; a case's stride says which rows and columns are kept. Strides are odd,
so that rows and columns of both parities occur.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.network.table import ARCHS, VERSIONS

ARCH_NAMES = tuple(dict.fromkeys(VERSIONS.values()))  # networks that the peer has, too

# Largest absolute difference in fp32 on a CPU. Rounding alone makes 1.8e-5 in `out`, 2.1e-5 in
# `flow` and 6e-6 in `mask`; blocks give pixels, as `flow` does. The least of the wrong rules that
# were tried moves `out` by 3.6e-4.
TOLERANCES = {"out": 5e-5, "flow": 1e-4, "mask": 5e-5, "block": 1e-4, "encoded": 5e-5}

# Height and width at scale 1 and above, at 0.5 and at 0.25, for each modulo: no case is padded.
SIDES = {
    32: ((64, 96), (64, 128), (128, 256)),
    64: ((64, 128), (128, 256), (256, 512)),
    128: ((128, 256), (256, 512), (512, 512)),
}
STRIDES = {(64, 96): 3, (64, 128): 3, (128, 256): 7, (256, 512): 11, (512, 512): 15}
# Stride of out, of flow and mask, and of blocks and encoding in case base, by the stride of others
BASE_STRIDES = {3: (1, 3, 5), 7: (3, 7, 11)}
# Flow gains that are not 1: large scales need less for flows of a few pixels
FLOW_GAINS = {"4.25.lite": 0.5}

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Case:
    """One run of a network.

    t: timestep; overshoot: images are in -overshoot to 1 + overshoot; weight_seed, flow_gain and
    image_seed: see formula; stride, flow_stride, trace_stride: every so many rows and columns of
    `out`, of `flow` and `mask`, and of blocks and encoding are kept. The last two: case base only.
    """

    name: str
    height: int
    width: int
    scale: float = 1.0
    ensemble: bool = False
    t: float = 0.5
    overshoot: float = 0.0
    weight_seed: int = 0
    flow_gain: float | tuple[float, ...] = 1.0
    image_seed: int = 0
    stride: int = 3
    flow_stride: int | None = None
    trace_stride: int | None = None


def cases_of(name: str) -> list[Case]:
    """Cases of an arch: every scale, values beyond 0 to 1, and what only some networks can do."""
    arch, gain = ARCHS[name], FLOW_GAINS.get(name, 1.0)
    full, half, quarter = (
        Case("", *sides, flow_gain=gain, stride=STRIDES[sides]) for sides in SIDES[arch.modulo]
    )
    stride, flow_stride, trace_stride = BASE_STRIDES[full.stride]
    base = replace(full, stride=stride, flow_stride=flow_stride, trace_stride=trace_stride)
    both = arch.ensemble
    cases = [
        replace(base, name="base"),
        replace(full, name="clamp", t=0.8, overshoot=0.5),
        replace(half, name="half", scale=0.5, t=0.8),
        replace(quarter, name="quarter", scale=0.25, ensemble=both),
        replace(full, name="double", scale=2.0, t=0.25),
        replace(full, name="quadruple", scale=4.0, ensemble=both, t=0.8),
    ]
    if both:
        cases.append(replace(full, name="ensemble", ensemble=True, t=0.25))
    return cases + (_rescaling_cases(half) if arch.rescales else [])


def _rescaling_cases(case: Case) -> list[Case]:
    """Block 1's flow is above 32 pixels towards both images, so scales double; then in one only."""
    large, mixed = (1.0, 4.5, 0.3, 0.2), (1.0, 3.5, 0.3, 0.2)
    return [
        replace(case, name="rescale", flow_gain=large),
        replace(case, name="rescale_ensemble", ensemble=True, flow_gain=large),
        replace(case, name="one_sided", weight_seed=19, flow_gain=mixed),
    ]


def make_index(torch: str, peer: str) -> dict[str, Any]:
    """The index as JSON knows it, for the versions of torch and the peer."""
    archs = {
        name: [
            {field: value for field, value in asdict(case).items() if value is not None}
            for case in cases_of(name)
        ]
        for name in ARCH_NAMES
    }
    index: dict[str, Any] = {"torch": torch, "peer": f"vsrife {peer}", "archs": archs}
    index = json.loads(json.dumps(index))
    return index


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Index and arrays of a file."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    return json.loads(str(arrays.pop("index"))), arrays


def write(path: Path, index: Mapping[str, Any], arrays: Arrays) -> None:
    """Write the file beside its place and move it there, so that it is never seen half written."""
    members: dict[str, Any] = {**arrays, "index": np.array(json.dumps(index))}
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            np.savez_compressed(file, **members)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def of_arch(arrays: Arrays, arch: str) -> Arrays:
    """The arrays of one arch, under `{case}/{name}`."""
    start = f"{arch}/"
    own = (key for key in arrays if key.startswith(start))
    return {key.removeprefix(start): arrays[key] for key in own}


def differences(wanted: Arrays, got: Arrays) -> dict[str, float]:
    """Largest absolute difference of each quantity of TOLERANCES that occurs.

    Infinite where an array is missing on one side, has another shape, or is not a number.
    """
    largest: dict[str, float] = {}
    for key in wanted.keys() | got.keys():
        quantity = key.rpartition("/")[2].rstrip("0123456789")
        difference = _difference(wanted.get(key), got.get(key))
        largest[quantity] = max(difference, largest.get(quantity, 0.0))
    return {quantity: largest[quantity] for quantity in TOLERANCES if quantity in largest}


def _difference(wanted: NDArray[np.float32] | None, got: NDArray[np.float32] | None) -> float:
    if wanted is None or got is None or wanted.shape != got.shape:
        return np.inf
    difference = float(np.abs(wanted - got).max())
    return np.inf if np.isnan(difference) else difference


def within_tolerance(largest: Mapping[str, float]) -> bool:
    """Whether no difference of a quantity is too large."""
    return all(value <= TOLERANCES[quantity] for quantity, value in largest.items())
