"""Options of a training run, checked before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vsrife.errors import ArgumentError
from vsrife.network.table import EMBEDDED, arch_of


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a training run; with the same footage they give the same weights on one machine.

    minutes, steps: exactly one of them, the length of the run and of its cosine schedule; batch:
    size of a step, in pictures of 96 x 96; start: weights to begin with, of this network or of one
    that shares tensors with it; frozen: keep the blocks that `start` has whole; blocks: train only
    so many of the first ones, as a network of their own (None: all); perceptual: weights of VGG-16,
    to compare its features too; save_seconds: between checkpoints.
    """

    model: str
    folder: Path
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    batch: int = 12
    rate: float = 1e-3
    device: str = "cpu"
    autocast: bool = False
    resume: bool = False
    start: Path | None = None
    frozen: bool = False
    blocks: int | None = None
    perceptual: Path | None = None
    log_every: int = 100
    measure_every: int = 1000
    save_seconds: float = 60.0

    @property
    def name(self) -> str:
        """Name of the network that is trained, and of its weights file."""
        return self.model if self.blocks is None else f"{self.model}-{self.blocks}-blocks"

    def __post_init__(self) -> None:
        if self.model not in EMBEDDED:
            raise ArgumentError(
                f"model must be one of {', '.join(EMBEDDED)}, not {self.model!r}; "
                "official models are trained elsewhere"
            )
        if self.blocks is not None:
            arch_of(self.model).first(self.blocks)  # or the table's own refusal
        if self.frozen and self.start is None:
            raise ArgumentError("frozen keeps weights to start from; name them, too")
        if (self.minutes is None) == (self.steps is None):
            raise ArgumentError("minutes and steps exclude each other; give exactly one of them")
        for name in ("minutes", "steps", "batch", "rate", "log_every", "measure_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ArgumentError(f"{name} must be above 0, not {value}")
