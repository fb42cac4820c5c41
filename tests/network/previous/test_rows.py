"""What only small does: linear motion, static pixels, a bicubic last warp."""

import pytest
import torch

from vsrife.network import build
from vsrife.network.previous.torch.warp import base_grid, warp
from vsrife.network.table import IFNETS


@pytest.mark.parametrize("arch", [name for name, row in IFNETS.items() if row.linear_motion])
def test_flows_of_a_row_of_linear_motion_vanish_towards_the_ends(arch):
    torch.manual_seed(4)
    net = build(arch)
    left, right = (net.prepare(image) for image in torch.rand(2, 1, 3, 64, 64))
    flows = {}
    with torch.inference_mode():
        for t in (0.0, 0.5, 1.0):
            trace = []
            net.interpolate(left, right, t, trace)
            flows[t] = trace[-1][0]
    assert not flows[0.0][:, :2].any()
    assert not flows[1.0][:, 2:].any()
    for flow in (flows[0.0][:, 2:], flows[0.5], flows[1.0][:, :2]):
        assert flow.abs().min() > 0


@pytest.mark.parametrize("arch", [name for name, row in IFNETS.items() if row.static])
def test_what_a_row_takes_for_static_is_a_blend_of_both_pictures(arch):
    torch.manual_seed(4)
    net = build(arch)
    left, right = torch.rand(2, 1, 3, 64, 64)
    prepared = net.prepare(left), net.prepare(right)
    pictures = (2 * left.repeat(1, 2, 1, 1), -right.repeat(1, 2, 1, 1))
    bias = net.blocks[-1].get_parameter("lastconv.bias")
    with torch.inference_mode():
        bias[5] = 100
        assert torch.allclose(net(left, right, 0.3), torch.lerp(left, right, 0.3), atol=1e-6)
        others = net.interpolate(*prepared, 0.3, pictures=pictures)
        assert torch.allclose(others, torch.lerp(*pictures, 0.3), atol=1e-6)
        bias[5] = -100
        trace = []
        out = net.interpolate(*prepared, 0.3, trace)
        (flow, logits), grid = trace[-1], base_grid(left)
        assert (logits[:, 1] < -90).all()
        mode = "bicubic" if net.arch.bicubic_warp else "bilinear"
        sides = zip((left, right), flow.split(2, 1), strict=True)
        moved = [warp(picture, to, grid, mode) for picture, to in sides]
        blended = torch.lerp(*moved[::-1], logits[:, :1].sigmoid())
        inside = (out > left.amin((2, 3), True)) & (out < left.amax((2, 3), True))
        assert inside.float().mean() > 0.9
        assert torch.allclose(out[inside], blended[inside], atol=1e-6)


@pytest.mark.parametrize("arch", [name for name, row in IFNETS.items() if row.bicubic_warp])
def test_a_bicubic_row_stays_in_the_range_of_each_plane(arch):
    torch.manual_seed(4)
    net = build(arch)
    squares = (torch.rand(1, 3, 16, 16) > 0.5).float()
    picture = squares.repeat_interleave(4, 2).repeat_interleave(4, 3)
    prepared = net.prepare(picture)
    others = torch.cat((3 * picture - 1, picture[:, :1]), 1)
    low, high = torch.tensor([[-1.0] * 3 + [0], [2.0] * 3 + [1]]).view(2, 1, 4, 1, 1)
    with torch.inference_mode():
        net.blocks[-1].get_parameter("lastconv.bias")[5] = -100
        trace = []
        out = net.interpolate(prepared, prepared, 0.3, trace, pictures=(others, others))
        flow, logits = trace[-1]
        moved = [warp(others, f, base_grid(others), "bicubic") for f in flow.split(2, 1)]
        blended = torch.lerp(*moved[::-1], logits[:, :1].sigmoid())
    beyond = (blended < low) | (blended > high)
    assert beyond.flatten(2).any(2).all()
    assert torch.allclose(out, blended.clamp(low, high), atol=1e-5)
