"""What unmoved pictures tell, against numpy and by what it is for."""

from __future__ import annotations

import numpy as np
import torch

from vsrife.net.standstill import change, likeness
from vsrife.net.table import STILL_FLAT, STILL_WINDOW


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.rand((2, 1, 3, 16, 24), generator=generator)
    return left, 0.5 * left + 0.5 * right


def test_likeness_is_the_correlation_of_brightness_in_each_window() -> None:
    left, right = pictures()
    cells = [p[0].mean(0).reshape(8, 2, 12, 2).mean((1, 3)).double().numpy() for p in (left, right)]
    reach = STILL_WINDOW // 2
    for y, x in ((0, 0), (3, 5), (7, 11)):
        rows = slice(max(0, y - reach), y + reach + 1)
        columns = slice(max(0, x - reach), x + reach + 1)
        a, b = (cell[rows, columns].ravel() for cell in cells)
        spread = np.sqrt(a.var() * b.var())
        wanted = ((a - a.mean()) * (b - b.mean())).mean() / (spread + STILL_FLAT)
        assert abs(float(likeness(left, right)[0, 0, y, x]) - wanted) < 1e-4


def test_a_still_pattern_is_alike_a_moved_one_is_not_and_flat_ground_says_nothing() -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    pattern = ((rows // 4 + columns // 4) % 2).float().expand(1, 3, -1, -1)
    assert likeness(pattern, pattern).min() > 0.9
    assert likeness(pattern, pattern.roll(4, 3))[..., 4:-4, 4:-4].max() < -0.9
    flat = torch.full_like(pattern, 0.4)
    assert likeness(flat, flat).abs().max() < 0.01


def test_change_is_the_mean_difference_of_the_channels() -> None:
    left, right = pictures(1)
    assert torch.allclose(change(left, right), (left - right).abs().mean(1, keepdim=True))
    assert change(left, left).max() == 0
