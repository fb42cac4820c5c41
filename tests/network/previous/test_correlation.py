from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.network.previous.torch.correlation import correlate, soft_argmax


def reference(left: Tensor, right: Tensor, radius: int) -> Tensor:
    """Cell by cell, in float64, with torch's own gradients."""
    left, right = left.double(), right.double()
    common = torch.stack((left, right)).mean((0, 3, 4))[..., None, None]
    left, right = (
        (x - common) / ((x - common).square().sum(1, keepdim=True) + 1e-6).sqrt()
        for x in (left, right)
    )
    height, width = left.shape[2:]
    rows = []
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            row = left.new_zeros((len(left), height, width))
            for y in range(height):
                for x in range(width):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        row[:, y, x] = (left[:, :, y, x] * right[:, :, y + dy, x + dx]).sum(1)
            rows.append(row)
    return torch.stack(rows, 1)


@pytest.mark.parametrize(("radius", "height", "width"), [(1, 5, 7), (3, 4, 2), (2, 1, 6)])
def test_it_is_the_cosine_at_every_displacement_with_and_without_gradients(radius, height, width):
    torch.manual_seed(radius)
    left, right = torch.randn((2, 2, 3, height, width), requires_grad=True)
    left, right = (x.detach().requires_grad_() for x in (left, right))
    expected = reference(left, right, radius)
    weights = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weights).sum(), (left, right))
    result = correlate(left, right, radius)
    given = torch.autograd.grad((result * weights).sum(), (left, right))
    assert torch.allclose(result.double(), expected, atol=1e-5)
    for ours, theirs in zip(given, wanted, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)
    with torch.no_grad():
        assert torch.equal(correlate(left, right, radius), result)


def test_half_floats_are_summed_in_full_ones():
    left = 200 * torch.randn((1, 48, 4, 4), generator=torch.Generator().manual_seed(0))
    half = correlate(left.half(), left.half(), 1)
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), correlate(left, left, 1), atol=2e-3)
    assert F.mse_loss(half[:, 4].float(), torch.ones(1, 4, 4)) < 1e-5


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, -1), (-2, 3)])
def test_the_peak_is_where_the_right_picture_has_moved(dx: int, dy: int) -> None:
    picture = torch.randn((1, 32, 16, 20), generator=torch.Generator().manual_seed(1))
    moved = picture.roll((dy, dx), (2, 3))
    found = soft_argmax(correlate(picture, moved, 3), 3)[0, :, 4:-4, 4:-4].flatten(1)
    wanted = torch.tensor([dx / 3, dy / 3, 1.0])[:, None].expand_as(found)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)


def test_where_all_cells_are_alike_the_peak_is_no_displacement() -> None:
    assert soft_argmax(torch.ones(1, 25, 4, 4), 2)[:, :2].abs().max() < 1e-6
