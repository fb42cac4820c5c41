"""A picture with a true motion: a ball that moves over a ramp."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT, STEP = 128, 96, 4


def ball(n: float) -> np.ndarray:
    """A soft ball over a ramp, n * STEP pixels on its way to the right, (3, H, W) in 0..1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    ground = 0.2 + 0.3 * y / HEIGHT
    inside = (20.5 - np.hypot(x - 40 - STEP * n, y - 48)).clip(0, 1)
    texture = 0.75 + 0.15 * np.sin((x - STEP * n) / 3) * np.cos(y / 4)
    return np.stack([ground + inside * (texture * colour - ground) for colour in (1, 0.9, 0.7)])
