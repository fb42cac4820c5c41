"""Layers that are centred while a pyramid is trained, and biases that say the same."""

from __future__ import annotations

import pytest
import torch

from vsrife.network.own.pyramid_module import PyramidNet
from vsrife.network.own.pyramid_row import COARSE
from vsrife.training.centred import CentredNet, folded, means_of, unfold
from vsrife.training.first_weights import make
from vsrife.training.loop import COARSE_FLOW, _groups, find
from vsrife.training.loss import total_loss
from vsrife.training.material.drawn_scenes import Batch, Scenes


@pytest.fixture
def batch(scenes: Scenes) -> Batch:
    return scenes.draw(torch.Generator().manual_seed(4), 2, 64)


@pytest.fixture
def net() -> CentredNet:
    torch.manual_seed(3)
    made = make("nano")
    assert isinstance(made, CentredNet)
    with torch.no_grad():
        for key, weight in made.weights.items():
            if key.endswith("bias"):
                weight.uniform_(-0.2, 0.2)
    return made.eval()


def plain(net: CentredNet, state: dict[str, torch.Tensor]) -> PyramidNet:
    made = PyramidNet(net.arch).eval()
    made.load_state_dict(state)
    return made


@torch.inference_mode()
def picture(net: PyramidNet, batch: Batch) -> torch.Tensor:
    return net(batch.img0, batch.img1, batch.timestep)


def test_folded_weights_give_what_the_centred_layers_did(net: CentredNet, batch: Batch) -> None:
    # twice the same picture: both encodings have the mean that is folded
    batch.img1.copy_(batch.img0)
    made = plain(net, folded(net, [batch]))
    assert (picture(made, batch) - picture(net, batch)).abs().max() < 1e-5
    # and centring did something
    assert (picture(plain(net, net.state_dict()), batch) - picture(net, batch)).abs().max() > 1e-4


def test_weights_of_a_network_in_use_go_on_where_they_were(net: CentredNet, batch: Batch) -> None:
    batch.img1.copy_(batch.img0)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    unfold(net, [batch])
    assert (picture(plain(net, state), batch) - picture(net, batch)).abs().max() < 1e-5
    back = folded(net, [batch])
    assert max(float((back[key] - state[key]).abs().max()) for key in state) < 1e-5


def test_coarse_layers_have_their_bias_as_mean_and_no_others_are_touched(
    net: CentredNet, batch: Batch
) -> None:
    found = means_of(net, [batch], centring=True)
    layers = {key.rpartition(".")[0] for key in found}
    wanted = {"encode.conv4", "encode.body4"}
    for level in COARSE:
        names = {key.rpartition(".")[0] for key in net.weights if key.startswith(f"block{level}.")}
        wanted |= names - {f"block{level}.out", f"block{level}"}
    assert layers == wanted
    # a bias of thousands would leave its mark in all that follows, were it not taken off again
    with torch.no_grad():
        before = means_of(net, [batch], centring=True)["block32.body.0.bias"]
        net.weights["block32.views.bias"].add_(1e-3)
        after = means_of(net, [batch], centring=True)["block32.body.0.bias"]
    assert (before - after).abs().max() < 0.1


def test_the_flow_of_coarse_blocks_learns_from_their_own_loss_alone(
    net: CentredNet, batch: Batch
) -> None:
    assert batch.timestep.unique().tolist() == [0.5]
    net.train()
    found = find(net, batch)
    weight = net.weights["block32.out.weight"]
    finest = found.states[4][:, :4].sum()
    (grad,) = torch.autograd.grad(finest, weight, retain_graph=True)
    assert grad[:4].abs().max() == 0  # flow
    assert grad[5:].abs().max() > 0  # features
    total_loss(found, batch, 0).backward()
    assert weight.grad is not None
    assert weight.grad[:4].abs().max() > 0


def test_coarse_flow_has_a_rate_of_its_own() -> None:
    model = make("nano")
    (usual, slow) = _groups(model)
    names = {id(value): key for key, value in model.named_parameters()}
    assert slow["share"] == COARSE_FLOW < usual["share"] == 1
    assert {names[id(each)] for each in slow["params"]} == {
        f"block{level}.out.{kind}" for level in COARSE for kind in ("weight", "bias")
    }
    assert len(usual["params"]) + len(slow["params"]) == len(names)
