"""The cost volume as nodes against the torch network's."""

import numpy as np
import pytest
import torch

from tests.graph.conftest import RUNTIMES
from vsrife.graph.correlation import TILED, correlate
from vsrife.graph.writer import Writer
from vsrife.net.correlation import correlate as by_torch

# less than a tile, a tile, tiles and a part of one, either way
SIZES = [(3, 5), (8, 8), (17, 9), (16, 24)]


def volume(runtime, cells, radius, size):
    w = Writer()
    x = w.input("cells", [2, cells.shape[1], "height", "width"])
    found = correlate(w, x, radius, size)
    w.output("volume", found, [1, (2 * radius + 1) ** 2, "height", "width"])
    return RUNTIMES[runtime](w.model({}))({"cells": cells})["volume"]


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
