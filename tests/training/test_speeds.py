from __future__ import annotations

import numpy as np
import pytest

from vsrife.training.material.speeds import (
    CELL,
    LEAST,
    MOST,
    changes,
    corner_near,
    drawn_cell,
    speeds,
)


def test_change_is_told_by_cells_from_each_frame_to_the_next() -> None:
    frames = np.full((3, 3 * CELL, 2 * CELL + 5, 3), 90, np.uint8)
    frames[1, CELL : 2 * CELL, :CELL] = 141  # 51 more, then 51 less
    frames[2, :, 2 * CELL :] = 255  # no whole cell
    found = changes(frames)
    assert found.shape == (2, 3, 2)
    right = np.zeros((2, 3, 2))
    right[:, 1, 0] = 51 / 255
    assert found == pytest.approx(right, abs=1e-6)


def test_speed_is_that_of_the_tenth_that_changes_most() -> None:
    change = np.zeros((4, 10, 10), np.float32)
    change[0, :, 0] = 0.1  # ten cells of a hundred
    change[1, 0, 0] = 0.1  # one
    change[2] = 0.9
    assert speeds(change).tolist() == pytest.approx([0.1, 0.01, MOST, LEAST])


def test_a_cell_is_drawn_as_often_as_its_weight_says() -> None:
    weights = np.array([[0.0, 1.0], [3.0, 0.0]])
    drawn = [drawn_cell(weights, number) for number in np.linspace(0, 1, 400, endpoint=False)]
    assert drawn.count((0, 1)) == 100
    assert drawn.count((1, 0)) == 300
    assert drawn_cell(weights, 1.0) in ((1, 0), (1, 1))  # no index beyond the last


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 1.0), (1.0, 0.25)])
def test_a_crop_has_the_cell_in_it_and_stays_in_the_picture(shift: tuple[float, float]) -> None:
    size, room = 256, (480 - 256, 640 - 256)
    for row in range(480 // CELL):
        for column in range(640 // CELL):
            top, left = corner_near((row, column), size, room, shift)
            assert 0 <= top <= room[0]
            assert 0 <= left <= room[1]
            assert top <= CELL * (row + 0.5) <= top + size
            assert left <= CELL * (column + 0.5) <= left + size
    top, left = corner_near((15, 20), size, room, shift)
    expected = [CELL * 15.5 - size * (0.2 + 0.6 * shift[0]), CELL * 20.5 - size * 0.2]
    assert top == int(expected[0])
    assert left == int(expected[1] - size * 0.6 * shift[1])
