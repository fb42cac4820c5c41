"""Options of a training run, checked before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from vsrife.checks import INT64_MAX, Whole
from vsrife.errors import ArgumentError
from vsrife.network.table import TRAINABLE

CHECKPOINT = "checkpoint.pt"  # in the run's folder
_MOST_SIDE = 4096  # pixels
_SEED = Whole(0, INT64_MAX)  # what both numpy and PyTorch take


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a training run; with the same footage they give the same weights on one machine.

    minutes, steps: exactly one of them, the length of the run and of its schedule; size: width and
    height of the pictures, pixels, a multiple of 32; count: pictures of a step; start: weights to
    begin with, of this network or of one that shares tensors with it; teacher: weights of IFNet
    that say how footage moves; perceptual: weights of VGG-16, to compare its features too; device:
    "cpu", "cuda", "cuda:1" ..., kept as PyTorch calls it; save_seconds: between checkpoints.

    ArgumentError for a value that is not allowed, BackendError for a device that is not there.
    """

    model: str
    folder: Path
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    size: int = 256
    count: int = 8
    rate: float = 1.5e-3
    device: str = "cpu"
    autocast: bool = False
    resume: bool = False
    start: Path | None = None
    teacher: Path | None = None
    perceptual: Path | None = None
    log_every: int = 100
    measure_every: int = 1000
    save_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.model not in TRAINABLE:
            raise ArgumentError(
                f"model must be one of {', '.join(TRAINABLE)}, not {self.model!r}; "
                "vsrife trains networks of its own alone"
            )
        if (self.minutes is None) == (self.steps is None):
            raise ArgumentError("--minutes and --steps exclude each other; give exactly one")
        for name in ("minutes", "steps", "count", "rate", "log_every", "measure_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ArgumentError(f"{name} must be above 0, not {value}")
            if value == math.inf:
                raise ArgumentError(f"{name} must be finite, not {value}")
        if self.size < 64 or self.size % 32:
            raise ArgumentError(f"size must be a multiple of 32, 64 or more, not {self.size}")
        if self.size > _MOST_SIDE:
            raise ArgumentError(f"size must be at most {_MOST_SIDE}, not {self.size}")
        _SEED.read("seed", self.seed)
        # a frozen field: what follows needs PyTorch's own name, "cuda:0" for "rocm"
        object.__setattr__(self, "device", _device(self.device))

    @property
    def checkpoint(self) -> Path:
        """Where the run's whole state is saved."""
        return self.folder / CHECKPOINT


def _device(name: str) -> str:
    from vsrife.inference.backends.pytorch import choose_device

    return str(choose_device(name, 0))
