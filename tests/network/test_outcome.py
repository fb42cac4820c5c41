"""Confidence and motion, by their own formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import RunOptions
from vsrife.network.outcome import confidence, motion

HEIGHT, WIDTH = 32, 48


def draw(channels: int, reach: float, seed: int) -> np.ndarray:
    shape = (2, channels, HEIGHT, WIDTH)
    return np.random.default_rng(seed).uniform(-reach, reach, shape).astype(np.float32)


@pytest.mark.parametrize("mapped", [False, True])
def test_confidence_is_the_mean_of_what_the_sides_agree_on(mapped: bool) -> None:
    """Cell by cell: exp(-difference / 0.1) * exp(-bend / (2 + distance / 2))."""
    difference, flow = draw(3, 0.2, 0), draw(4, 6, 1)
    t = abs(draw(1, 1, 2)) if mapped else np.full((2, 1, 1, 1), 0.3, np.float32)
    ops = TorchOperations((WIDTH, HEIGHT))
    given = (torch.from_numpy(array) for array in (difference, flow, t))
    got = confidence(ops, RunOptions(timestep_map=mapped), *given)
    for n in range(2):
        found = []
        for y in range(0, HEIGHT, 8):
            for x in range(0, WIDTH, 8):
                time = float(t[n, 0, y, x] if mapped else t[n, 0, 0, 0])
                to_left, to_right = flow[n, :2, y, x], flow[n, 2:, y, x]
                bend = 2 * np.hypot(*((1 - time) * to_left + time * to_right))
                distance = np.hypot(*(to_right - to_left))
                apart = np.abs(difference[n, :, y, x]).mean()
                found.append(np.exp(-apart / 0.1) * np.exp(-bend / (2 + distance / 2)))
        assert float(got[n]) == pytest.approx(np.mean(found), abs=1e-5)


def test_sides_that_agree_on_a_straight_way_are_trusted_wholly() -> None:
    t, way = 0.25, torch.tensor([8.0, -4.0]).reshape(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    flow = torch.cat((-t * way, (1 - t) * way), 1)
    ops, time = TorchOperations((WIDTH, HEIGHT)), torch.full((1, 1, 1, 1), t)
    same = torch.zeros(1, 3, HEIGHT, WIDTH)
    assert float(confidence(ops, RunOptions(), same, flow, time)) == pytest.approx(1)
    assert float(confidence(ops, RunOptions(), same + 0.1, flow, time)) == pytest.approx(np.exp(-1))


def test_motion_is_the_largest_of_a_cell_and_those_around_it_then_smoothed() -> None:
    flow = draw(4, 20, 3)
    got = motion(TorchOperations((WIDTH, HEIGHT)), torch.from_numpy(flow)).numpy()
    rows, columns = HEIGHT // 8, WIDTH // 8
    distance = np.hypot(*(flow[:, 2:] - flow[:, :2]).swapaxes(0, 1))
    coarse = distance.reshape(2, rows, 8, columns, 8).max((2, 4))

    def around(values: np.ndarray, y: int, x: int) -> np.ndarray:
        return values[:, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(2, -1)

    cells = [(y, x) for y in range(rows) for x in range(columns)]
    wide = np.stack([around(coarse, *cell).max(1) for cell in cells], 1).reshape(coarse.shape)
    smooth = np.stack([around(wide, *cell).mean(1) for cell in cells], 1).reshape(coarse.shape)
    assert np.abs(got[:, 0] - smooth).max() < 1e-4
