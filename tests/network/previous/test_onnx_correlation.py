"""The cost volume as nodes against the torch network's."""

import numpy as np
import pytest
import torch

from tests.network.runs import RUNTIMES
from vsrife.network.operations.onnx.onnx_correlation import TILED
from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.previous.onnx.correlation import correlate, soft_argmax
from vsrife.network.previous.torch.correlation import correlate as by_torch
from vsrife.network.previous.torch.correlation import soft_argmax as torch_soft_argmax

# less than a tile, a tile, tiles and a part of one, either way
SIZES = [(3, 5), (8, 8), (17, 9), (16, 24)]


def volume(runtime, cells, radius, size):
    w = Writer()
    x = w.input("cells", [2, cells.shape[1], "height", "width"])
    found = correlate(w, x, radius, size)
    w.output("volume", found, [1, (2 * radius + 1) ** 2, "height", "width"])
    return RUNTIMES[runtime](w.model({}).SerializeToString())({"cells": cells})["volume"]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("radius", [1, 3])
def test_the_peak_is_the_torch_networks(radius, runtime):
    count = (2 * radius + 1) ** 2
    given = np.random.default_rng(radius).uniform(-1, 1, (1, count, 5, 7)).astype(np.float32)
    w = Writer()
    found = soft_argmax(w, w.input("volume", [1, count, "height", "width"]), radius)
    w.output("peak", found, [1, 3, "height", "width"])
    made = RUNTIMES[runtime](w.model({}).SerializeToString())({"volume": given})["peak"]
    wanted = torch_soft_argmax(torch.from_numpy(given), radius).numpy()
    assert np.abs(made - wanted).max() < 1e-5


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("radius", [1, 3, 4, 5])
def test_both_ways_give_the_torch_networks(radius, width, height, runtime):
    cells = np.random.default_rng(radius).normal(1, 1, (2, 6, height, width)).astype(np.float32)
    left, right = (torch.from_numpy(side[None]) for side in cells)
    with torch.inference_mode():
        wanted = by_torch(left, right, radius).numpy()
    # OpenVINO takes a second to open a graph of so many nodes, and does the same with them
    ways = [(width, height)] if runtime == "openvino" and radius >= TILED else [None]
    if runtime == "onnx":
        ways.append((width, height))
    for size in ways:
        assert np.abs(volume(runtime, cells, radius, size) - wanted).max() < 1e-5
