"""Frames as numpy arrays: as PyTorch pads them, and as net.pace spreads rhythm over them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vsrife.inference import arrays
from vsrife.network import cadence


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.mark.parametrize("timestep", [0.1, 0.4, 0.5, 0.9])
@pytest.mark.parametrize("alone", [False, True])
def test_rhythm_is_net_paces(random, timestep, alone):
    before, between, after = random.uniform(0, 30, (3, 1, 1, 4, 6)).astype(np.float32)
    given = (None, between, None) if alone else (before, between, after)
    tensors = [None if each is None else torch.from_numpy(each) for each in given]
    wanted = cadence.timesteps(timestep, *tensors, torch.Size((1, 3, 32, 48))).numpy()
    got = arrays.timesteps(timestep, *given, (48, 32))
    assert got.dtype == np.float32
    assert np.abs(wanted - got).max() < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("size", [(20, 10), (32, 16), (20, 16), (32, 10)])
def test_edges_are_repeated_and_what_is_no_number_is_replaced(random, size, dtype):
    planes = [random.uniform(-1, 2, (10, 20)).astype(dtype) for _ in range(4)]
    planes[1][9, 19], planes[2][0, 0], planes[3][3, 3] = np.nan, np.inf, -np.inf
    image = torch.from_numpy(np.stack(planes))[None].float().nan_to_num(nan=0, posinf=1, neginf=0)
    wanted = F.pad(image, (0, size[0] - 20, 0, size[1] - 10), mode="replicate").numpy()
    before = [plane.copy() for plane in planes]
    assert np.array_equal(arrays.padded(planes, size), wanted)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, planes, strict=True))


def test_pictures_are_cropped_into_planes_of_any_float(random):
    image = random.uniform(0, 1, (1, 3, 16, 32)).astype(np.float32)
    into = [np.empty((10, 20), np.float16) for _ in range(3)]
    arrays.write(image, into)
    assert np.array_equal(np.stack(into), image[0, :, :10, :20].astype(np.float16))
