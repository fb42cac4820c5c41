from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from vsrife.training.muon import LENGTH, Muon, orthogonal


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    result = orthogonal(matrix)
    inner = left.T @ result @ right.T
    assert torch.linalg.svdvals(result).sub(1).abs().max() < 0.4
    assert (inner - torch.diag(inner.diag())).abs().max() < 1e-3


def test_convolutions_step_by_muon_and_others_by_adam() -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(3, 8, 3)
    twin = nn.Parameter(layer.bias.detach().clone())
    ours = Muon(layer.parameters(), 0.01, weight_decay=0.0)
    adam = torch.optim.Adam([twin], 0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    before = layer.weight.detach().clone()
    for _ in range(3):
        layer.zero_grad()
        layer(torch.randn(2, 3, 8, 8)).square().mean().backward()
        twin.grad = layer.bias.grad.clone()
        ours.step()
        adam.step()
    assert torch.allclose(layer.bias, twin, atol=1e-7)
    moved = (layer.weight - before).flatten(1)
    # three steps of a matrix of 8 x 27, each of singular values near LENGTH * sqrt(27) * rate
    assert torch.linalg.matrix_norm(moved, 2) < 3.6 * LENGTH * 27**0.5 * 0.01
    assert torch.linalg.svdvals(moved).min() > 0.5 * LENGTH * 27**0.5 * 0.01


def test_state_survives_saving() -> None:
    torch.manual_seed(2)
    layers = [nn.Conv2d(2, 2, 3) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    first, second = (Muon(layer.parameters(), 0.01) for layer in layers)
    inputs = torch.randn(4, 1, 2, 5, 5)

    def go(layer: nn.Conv2d, optimizer: Muon, picture: torch.Tensor) -> None:
        layer.zero_grad()
        layer(picture).square().mean().backward()
        optimizer.step()

    for picture in inputs[:2]:
        go(layers[0], first, picture)
    layers[1].load_state_dict(layers[0].state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for picture in inputs[2:]:
        go(layers[0], first, picture)
        go(layers[1], second, picture)
    assert all(
        torch.equal(a, b) for a, b in zip(*(layer.parameters() for layer in layers), strict=True)
    )
