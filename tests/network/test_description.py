"""Whole official networks by their definition, in numpy and double precision, against PyTorch.

`test_parity` holds ONNX against PyTorch, `test_ifnet` PyTorch against the peer.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.golden import formula
from tests.network.operations.reference import NumpyOperations
from tests.support.narrow import official_rows
from vsrife.network import encoder
from vsrife.network.block import estimate, stem_spans
from vsrife.network.ifnet import blend, interpolate, refine
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import RunOptions
from vsrife.network.outcome import confidence, motion
from vsrife.network.table import IFNETS, Arch

TOLERANCE = 5e-5  # fp32 rounding; 1.8e-5 are seen against double precision


def both(
    row: str, options: RunOptions, size: tuple[int, int]
) -> list[tuple[object, object, dict, list, object]]:
    """Operations, weights, images and timestep, in numpy and in PyTorch."""
    state = formula.make_state(row, flow_gain=0.5 if row == "4.25.lite" else 1.0)
    images = [image[None] for image in formula.make_images(*size[::-1], overshoot=0.125)]
    sides = size[::-1] if options.timestep_map else (1, 1)
    time = np.linspace(0.2, 0.7, sides[0] * sides[1], dtype=np.float32).reshape(1, 1, *sides)
    exact = {key: value.astype(np.float64) for key, value in state.items()}
    single = {key: torch.from_numpy(value) for key, value in state.items()}
    return [
        (NumpyOperations(size), exact, [i.astype(float) for i in images], time.astype(float)),
        (TorchOperations(size), single, list(map(torch.from_numpy, images)), torch.tensor(time)),
    ]


CASES = [
    ("4.0", RunOptions(), (64, 32)),
    ("4.0", RunOptions(ensemble=True, doubled=True), (64, 64)),
    ("4.2", RunOptions(scale=2.0), (32, 32)),
    ("4.6", RunOptions(ensemble=True, timestep_map=True), (32, 64)),
    ("4.7", RunOptions(ensemble=True), (32, 32)),
    ("4.14.lite", RunOptions(timestep_map=True), (32, 32)),
    ("4.21", RunOptions(scale=0.5), (64, 64)),
    ("4.25", RunOptions(), (64, 64)),
]


@pytest.fixture
def narrow():
    """A quarter of the widths: numpy takes seconds for whole ones."""
    with official_rows(4):
        yield


@pytest.mark.parametrize(("row", "options", "size"), CASES)
def test_pytorch_gives_what_the_definition_gives(narrow, row, options, size):
    arch, images, rest = IFNETS[row], [], []
    for ops, weights, frames, time in both(row, options, size):
        sides = [encoder.prepare(ops, weights, arch, frame) for frame in frames]
        found = refine(ops, weights, arch, options, ops.stack(*sides), time)
        images.append(blend(ops, found)[0])
        left, right = ops.unstack(found.warped)
        trust = confidence(ops, options, ops.subtract(left, right), found.flow, time)
        rest.append((trust, motion(ops, found.flow)))
    wanted, got = images
    assert got.shape == wanted.shape == (1, 3, *size[::-1])
    assert np.abs(got.numpy() - wanted).max() <= TOLERANCE
    (trust, distance), (torch_trust, torch_distance) = rest
    assert np.abs(torch_trust.numpy() - trust).max() <= TOLERANCE
    assert np.abs(torch_distance.numpy() - distance).max() <= 1e-3  # pixels


def test_the_whole_is_its_parts():
    options, arch = RunOptions(), IFNETS["4.6"]
    _, (ops, weights, frames, time) = both("4.6", options, (32, 32))
    sides = [encoder.prepare(ops, weights, arch, frame) for frame in frames]
    whole = interpolate(ops, weights, arch, options, *sides, time)
    parts = refine(ops, weights, arch, options, ops.stack(*sides), time)
    assert torch.equal(whole, blend(ops, parts)[0])


@pytest.mark.parametrize("row", ["4.0", "4.6", "4.7", "4.20"])
@pytest.mark.parametrize("index", [0, 2])
def test_a_mirrored_block_is_the_block_with_all_that_it_reads_and_gives_mirrored(row, index):
    arch, s, generator = IFNETS[row], 2, torch.Generator().manual_seed(index)
    channels = 3 + (arch.encoder.out if arch.encoder else 0)
    left, right, flow, mask, time = (
        torch.rand((1, c, 32, 32), generator=generator) for c in (channels, channels, 4, 1, 1)
    )
    weights = {key: torch.from_numpy(value) for key, value in formula.make_state(row).items()}
    ops = TorchOperations((64, 64))
    passed_on = [] if index == 0 else [flow, mask]
    swapped = [] if index == 0 else [flow.roll(2, 1), -mask]
    pair, other = ops.stack(left, right), ops.stack(right, left)
    got = estimate(ops, weights, arch, index, s, pair, passed_on, time, mirrored=True)
    out = estimate(ops, weights, arch, index, s, other, swapped, time)
    wanted = torch.cat((out[:, :4].roll(2, 1), -out[:, 4:]), 1)
    assert (got - wanted).abs().max() < 1e-4
    assert (got - out).abs().max() > 1e-2


def checkpoint_order(arch: Arch, index: int) -> list[str]:
    """Input channels of a block, as official checkpoints have them."""
    deep = arch.encoder.out if arch.encoder else 0
    names = [f"{side} image" for side in ("left", "right") for _ in range(3)]
    names += [f"{side} encoding" for side in ("left", "right") for _ in range(deep)]
    names.append("timestep")
    if index:
        names += ["mask", *["features"] * arch.feat, *["flow to left"] * 2, *["flow to right"] * 2]
    return names


@pytest.mark.parametrize("row", IFNETS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_input_of_a_stem_is_read_once_in_the_order_in_which_it_is_joined(row, mirrored):
    arch, s = IFNETS[row], 4.0
    for index in range(len(arch.widths)):
        names = checkpoint_order(arch, index)
        spans = stem_spans(arch, index, s, mirrored=mirrored)
        places = [place for start, stop, _ in spans for place in range(start, stop)]
        assert sorted(places) == list(range(arch.block_inputs(index))) == list(range(len(names)))
        factors = [factor for start, stop, factor in spans for _ in range(start, stop)]
        read = list(dict.fromkeys(names[place] for place in places))
        first, second = ("right", "left") if mirrored else ("left", "right")
        joined = [f"{side} {part}" for side in (first, second) for part in ("image", "encoding")]
        joined += [f"flow to {first}", f"flow to {second}", "mask", "features", "timestep"]
        assert read == [name for name in joined if name in names]
        wanted = {"flow to left": 1 / s, "flow to right": 1 / s, "mask": -1 if mirrored else 1}
        assert factors == [wanted.get(names[place], 1) for place in places]


def test_the_description_loads_no_framework_and_no_numpy():
    modules = ["ifnet", "block", "encoder", "outcome", "options", "operations.interface"]
    code = "import sys\n" + "".join(f"import vsrife.network.{name}\n" for name in modules)
    code += "print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"torch", "onnx", "onnxruntime", "openvino", "numpy", "vapoursynth"}
    assert "vsrife.network.ifnet" in run.stdout.split()
