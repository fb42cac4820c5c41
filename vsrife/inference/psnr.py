"""Peak signal-to-noise ratio: how near values come to the right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def psnr(values: NDArray[Any], truth: NDArray[Any], peak: float = 1.0) -> float:
    """10 log10(peak² / mean squared error) in dB; infinite if all are equal.

    values, truth: of one shape, any type; peak: the largest value that there can be.
    """
    error = float(np.square(values.astype(np.float64) - truth.astype(np.float64)).mean())
    return 10 * math.log10(peak**2 / error) if error else math.inf
