"""The graphs against the torch network, on the runtimes for the CPU."""

import numpy as np
import pytest

from tests.graph.conftest import RUNTIMES, by_graph, by_torch, images, network, state_of
from vsrife.graph import GraphOptions
from vsrife.net.table import ARCHS, arch_of, known_models

TOLERANCE = 1e-4  # the promise; seen are 2e-5 at most, fp32 rounding alone
MOTION = 1e-3  # pixels


def compare(model, options, size, t=0.3):
    state = state_of(model)
    left, right = images(*size)
    wanted = by_torch(network(model, options, state), left, right, t)
    for name, run in RUNTIMES.items():
        got = by_graph(run, model, options, state, left, right, t)
        for key in ("left", "right", "image", "confidence"):
            assert np.abs(got[key] - wanted[key]).max() <= TOLERANCE, (name, key)
        if options.motion:
            assert np.abs(got["motion"] - wanted["motion"]).max() <= MOTION, name


def smallest(model, scale=1.0):
    """Width and height, different where the multiple allows it."""
    unit = arch_of(model).pad_unit(scale)
    return max(unit, 96 // unit * unit), unit


@pytest.mark.parametrize("model", known_models())
def test_every_version_gives_the_pictures_of_the_torch_network(model):
    size = smallest(model)
    compare(model, GraphOptions(size=size, motion=True), size)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("ensemble", [False, True])
def test_every_row_does_so_at_any_size(arch, ensemble):
    if ensemble and not ARCHS[arch].ensemble:
        return
    compare(arch, GraphOptions(ensemble=ensemble), smallest(arch))
