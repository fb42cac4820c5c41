"""The network of three frames against DistilDRBA's own code; test_triple_graphs has its files."""

import numpy as np
import pytest
import torch

from tests.network import triple_golden
from tests.network.triple_golden import CASES, TOLERANCE, frames, goldens, kept, name_of, state
from vsrife.errors import ArgumentError, ModelError
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.own.triple_module import TripleNet
from vsrife.network.state_dict import recognise
from vsrife.network.table import TRIPLES, cost, parameters
from vsrife.weights.locate import find_model

ROW = TRIPLES["distildrba"]


def network(scale=1.0):
    net = TripleNet(ROW, scale=scale)
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state().items()})
    return net.eval()


def between(net, pictures, timestep):
    with torch.inference_mode():
        return net.between([torch.from_numpy(x) for x in pictures], timestep).numpy()


@pytest.mark.parametrize(("scale", "timestep"), CASES)
def test_it_gives_the_pictures_of_the_peer(scale, timestep):
    got, wanted = between(network(scale), frames(scale), timestep), goldens()
    assert np.abs(kept(got) - wanted[name_of(scale, timestep)]).max() < TOLERANCE
    assert np.abs(got - frames(scale)[1]).mean() > 0.02  # pixels moved


def test_the_file_has_the_cases():
    assert set(goldens()) == {name_of(*case) for case in CASES}


@pytest.mark.parametrize("timestep", [0.25, 0.5, 0.8])
def test_a_frame_is_trusted_as_far_as_both_frames_around_it_agree(timestep):
    """The formula of `outcome.confidence` again, with flows into the nearer and the other frame."""
    net, (left, right, _) = network(), map(torch.from_numpy, frames(1.0))
    outcome = []
    with torch.inference_mode():
        net.interpolate(net.prepare(left), net.prepare(right), timestep, outcome=outcome)
        (sure, flow), *_ = outcome
        near, t = (left, right), timestep
        if timestep >= 0.5:
            near, t = (right, left), 1 - timestep
        ops = TorchOperations(triple_golden.SIZES[1.0])
        warped = ops.warp(torch.cat(near), flow)
    into_near, into_other = (flow[0, k : k + 2, ::8, ::8].numpy() for k in (0, 2))
    apart = (warped[0] - warped[1]).numpy()[:, ::8, ::8]
    bend = 2 * np.linalg.norm((1 - t) * into_near + t * into_other, axis=0)
    distance = np.linalg.norm(into_other - into_near, axis=0)
    trust = np.exp(-np.abs(apart).mean(0) / 0.1) * np.exp(-bend / (2 + distance / 2))
    assert float(sure[0]) == pytest.approx(trust.mean(), rel=1e-4)


def test_each_of_the_three_frames_is_seen():
    net, given = network(), list(frames(1.0))
    before = between(net, given, 0.8)
    for i in range(3):
        changed = [x[..., ::-1, :].copy() if i == j else x for j, x in enumerate(given)]
        assert np.abs(between(net, changed, 0.8) - before).max() > 1e-3


def test_it_has_the_known_size():
    assert parameters(ROW) == 5_301_228
    assert round(cost(ROW)) == 6_580  # multiply-adds a pixel, three encodings included
    assert ROW.pad_unit(1.0) == 64


def test_sides_are_checked():
    with pytest.raises(ArgumentError, match="multiples of 64, not 100x64; pad them"):
        network().between([torch.zeros(1, 3, 64, 100)] * 3, 0.7)


def test_weights_and_name_are_refused_for_what_they_are():
    with pytest.raises(ModelError, match="of distildrba, which reads three frames"):
        recognise(state())
    with pytest.raises(ArgumentError, match=r"no weights of distildrba .*the path of a file"):
        find_model("distildrba")
