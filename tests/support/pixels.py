"""A network that looks at single pixels, so that its frames are known for every size."""

from __future__ import annotations

import numpy as np

from vsrife.inference.sessions.regions import CELL


class PixelWise:
    """Stands in for a network that looks at single pixels: in tiles or whole, they are the same."""

    tells = frozenset({"confidence", "motion"})

    def __init__(self, size):
        self.size = size
        self.rhythms = []

    def prepare(self, planes):
        assert all(plane.shape == self.size[::-1] for plane in planes)
        return [np.array(plane) for plane in planes]

    def interpolate(self, left, right, timestep, into, rhythm=None):
        self.rhythms.append(rhythm)
        for a, b, target in zip(left, right, into, strict=True):
            target[:] = a + np.float32(timestep) * (b - a)
        return float(left[0].mean())

    def motion(self, left, right):
        """The largest value of each cell, and a padding of cells around the right and below."""
        rows, columns = (-(-side // CELL) for side in self.size[::-1])
        found = np.full((1, 1, rows + 2, columns + 3), 9, np.float32)
        for row in range(rows):
            for column in range(columns):
                y, x = row * CELL, column * CELL
                found[0, 0, row, column] = left[0][y : y + CELL, x : x + CELL].max()
        return found


def planes_of(width, height, seed, count=3):
    draw = np.random.default_rng(seed)
    return [draw.random((height, width), np.float32) for _ in range(count)]
