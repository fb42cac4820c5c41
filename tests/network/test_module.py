"""The official rows as PyTorch modules: trained, copied and moved as any other."""

from __future__ import annotations

import copy
import io
from math import prod

import pytest
import torch

from tests.golden import formula
from vsrife.network import build
from vsrife.network.block import outputs
from vsrife.network.module import IFNet
from vsrife.network.table import IFNETS, state_shapes

OFFICIAL = list(IFNETS)


def net_of(arch: str, **options: object) -> IFNet:
    """With the weights of the goldens, whose flow is not of random size."""
    state = {key: torch.from_numpy(value) for key, value in formula.make_state(arch).items()}
    net = build(arch, state_dict=state, **options)
    assert isinstance(net, IFNet)
    return net


def images(side: int) -> list[torch.Tensor]:
    return [torch.from_numpy(image)[None] for image in formula.make_images(side, side)]


@pytest.mark.parametrize("arch", ["4.0", "4.6", "4.7", "4.14.lite", "4.25"])
def test_every_weight_that_is_read_is_trained(arch: str) -> None:
    net = net_of(arch).train()
    net(*images(net.pad_unit * 2), 0.4).square().mean().backward()
    for index in range(len(net.arch.widths)):
        shuffles = net.arch.shuffles
        name = f"block{index}.lastconv{'.0' if shuffles else ''}.weight"
        read = outputs(net.arch, index) * (4 if shuffles else 1)
        gradient = net.get_parameter(name).grad
        assert gradient is not None
        assert (gradient[:, :read].flatten(2).abs().amax((0, 2)) > 0).all(), name
        assert not gradient[:, read:].any()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("arch", ["4.0", "4.6", "4.25"])
def test_the_gradient_tells_how_the_loss_changes(arch: str) -> None:
    """Along the gradient itself, against the difference of two losses."""
    net = net_of(arch).train()
    left, right = images(net.pad_unit * 2)

    def loss() -> torch.Tensor:
        return net(left, right, 0.4).square().mean()

    loss().backward()
    gradients = [parameter.grad.clone() for parameter in net.parameters()]
    length = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    step, losses = 2e-4, []
    with torch.no_grad():
        for way in (-1, 1):
            moved = copy.deepcopy(net)
            for parameter, gradient in zip(moved.parameters(), gradients, strict=True):
                parameter += way * step * gradient / length
            losses.append(float(moved(left, right, 0.4).double().square().mean()))
    assert (losses[1] - losses[0]) / (2 * step) == pytest.approx(float(length), rel=0.05)


def test_a_copy_has_weights_of_its_own() -> None:
    net = net_of("4.6")
    left, right = images(64)
    with torch.inference_mode():
        before = net(left, right, 0.5)
        other = copy.deepcopy(net)
        for parameter in other.parameters():
            parameter *= 0.5
        assert torch.equal(net(left, right, 0.5), before)
        assert not torch.equal(other(left, right, 0.5), before)


def test_a_module_comes_back_from_a_file_as_it_went() -> None:
    net, file = net_of("4.7"), io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = build("4.7")
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    with torch.inference_mode():
        assert torch.equal(other(*images(64), 0.5), net(*images(64), 0.5))


def test_weights_in_another_layout_of_memory_give_the_same_picture() -> None:
    net = net_of("4.6")
    with torch.inference_mode():
        before = net(*images(64), 0.5)
        after = net.to(memory_format=torch.channels_last)(*images(64), 0.5)
    assert (after - before).abs().max() < 5e-5


def test_a_trace_has_flow_and_mask_at_full_size_after_each_block() -> None:
    net, trace = net_of("4.25"), []
    with torch.inference_mode():
        net.interpolate(*(net.prepare(image) for image in images(64)), 0.5, trace)
    assert [(flow.shape, mask.shape) for flow, mask in trace] == [
        ((1, 4, 64, 64), (1, 1, 64, 64))
    ] * len(net.arch.widths)


@pytest.mark.parametrize("arch", OFFICIAL)
def test_random_weights_spread_as_those_of_pytorchs_layers(arch: str) -> None:
    """Uniform, up to one by the root of what a number is the sum of."""
    torch.manual_seed(0)
    state = build(arch).state_dict()
    for key, shape in state_shapes(IFNETS[arch]).items():
        if key.endswith("beta"):
            assert (state[key] == 1).all()
        elif len(shape) == 4:
            bound = prod(shape[1:]) ** -0.5
            assert 0.9 * bound < state[key].abs().max() <= bound, key
            assert state[key.replace("weight", "bias")].abs().max() <= bound, key
