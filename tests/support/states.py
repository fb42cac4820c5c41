"""State dicts of random numbers, and the files that PyTorch makes of them."""

from __future__ import annotations

import numpy as np

from vsrife.network.table import ROWS, state_shapes


def random_state(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return {
        key: numbers.standard_normal(shape, dtype=np.float32) / 8
        for key, shape in state_shapes(ROWS[name]).items()
    }


def save_pickle(path, state, prefix="module.", **options):
    import torch  # the light install has none

    tensors = {prefix + key: torch.from_numpy(value) for key, value in state.items()}
    torch.save(tensors, path, **options)
    return path
