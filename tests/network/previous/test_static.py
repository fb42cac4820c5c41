"""What unmoved pictures tell, against numpy and by what it is for."""

from __future__ import annotations

import numpy as np
import torch

from vsrife.network.previous.torch.static import change, ncc, static_edges
from vsrife.network.table import NCC_FLAT, NCC_WINDOW


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.rand((2, 1, 3, 16, 24), generator=generator)
    return left, 0.5 * left + 0.5 * right


def test_likeness_is_the_correlation_of_brightness_in_each_window() -> None:
    left, right = pictures()
    cells = [p[0].mean(0).reshape(8, 2, 12, 2).mean((1, 3)).double().numpy() for p in (left, right)]
    reach = NCC_WINDOW // 2
    for y, x in ((0, 0), (3, 5), (7, 11)):
        rows = slice(max(0, y - reach), y + reach + 1)
        columns = slice(max(0, x - reach), x + reach + 1)
        a, b = (cell[rows, columns].ravel() for cell in cells)
        spread = np.sqrt(a.var() * b.var())
        wanted = ((a - a.mean()) * (b - b.mean())).mean() / (spread + NCC_FLAT)
        assert abs(float(ncc(left, right)[0, 0, y, x]) - wanted) < 1e-4


def test_a_still_pattern_is_alike_a_moved_one_is_not_and_flat_ground_says_nothing() -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    pattern = ((rows // 4 + columns // 4) % 2).float().expand(1, 3, -1, -1)
    assert ncc(pattern, pattern).min() > 0.9
    assert ncc(pattern, pattern.roll(4, 3))[..., 4:-4, 4:-4].max() < -0.9
    flat = torch.full_like(pattern, 0.4)
    assert ncc(flat, flat).abs().max() < 0.01


def test_change_is_the_mean_difference_of_the_channels() -> None:
    left, right = pictures(1)
    assert torch.allclose(change(left, right), (left - right).abs().mean(1, keepdim=True))
    assert change(left, left).max() == 0


def test_lettering_is_anchored_what_moves_along_its_own_edge_is_not() -> None:
    ground = torch.rand((1, 3, 32, 48), generator=torch.Generator().manual_seed(2)) / 2
    left, right = ground.clone(), ground.roll(5, 3)
    letter = (slice(None), slice(None), slice(8, 22), slice(20, 23))  # an L of strokes of 3 pixels
    foot = (slice(None), slice(None), slice(19, 22), slice(20, 30))
    for picture in (left, right):
        picture[letter] = picture[foot] = 1.0
    held = static_edges(left, right, change(left, right))
    assert held[letter].mean() > 0.7
    assert held[foot].mean() > 0.7
    held[letter] = held[foot] = 0
    assert held.mean() < 0.01
    bar = torch.full((1, 3, 32, 48), 0.2)
    bar[..., 12:18, 4:36] = 0.9
    moved = bar.roll(6, 3)
    assert static_edges(bar, moved, change(bar, moved)).max() == 0
    assert static_edges(bar, bar, torch.zeros(1, 1, 32, 48)).max() == 1  # its corners
