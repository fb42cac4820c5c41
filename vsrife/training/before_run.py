"""What a training run checks before footage is cut and scenes are drawn, which take minutes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from vsrife.errors import ArgumentError, ModelError
from vsrife.network.module import Network
from vsrife.network.state_dict import normalise
from vsrife.training.checkpoint import load_checkpoint
from vsrife.training.first_weights import make
from vsrife.training.perceptual import PerceptualLoss
from vsrife.training.run_options import Options
from vsrife.training.teacher import Teacher
from vsrife.training.widened import widened
from vsrife.weights import read_weights

# Keys of a checkpoint, see `loop.Run.state`
PARTS = ("model_name", "model", "average", "optimizer", "batches", "step", "elapsed")


def check_folder(options: Options) -> None:
    """ArgumentError if the folder holds a run that is not to be resumed."""
    if options.checkpoint.exists() and not options.resume:
        raise ArgumentError(
            f"folder {options.folder} holds a run already; resume it, or choose another folder"
        )


def check_footage(options: Options, side: int | None) -> None:
    """ArgumentError for options that do not fit the footage.

    side: pixels of its windows, the largest `size`; None: there is no footage.
    """
    if side is None and options.teacher is not None:
        raise ArgumentError(
            f"teacher={options.teacher} says how footage moves, and there is none, while the "
            "motion of generated scenes is known; add footage=, or leave teacher= out"
        )
    if side is not None and options.size > side:
        raise ArgumentError(
            f"size must be at most {side}, which footage is cut to, not {options.size}; "
            "leave footage= out for larger pictures"
        )


def check_files(options: Options) -> None:
    """Read every file that the run will read; ModelError or ArgumentError for a wrong one."""
    if options.start is not None:
        started_from(options.start, make(options.model))
    if options.teacher is not None:
        Teacher(options.teacher, "cpu")
    if options.perceptual is not None:
        PerceptualLoss(options.perceptual)
    if options.resume and options.checkpoint.exists():
        like: Mapping[str, object] = dict.fromkeys(PARTS) | {"model_name": options.model}
        load_checkpoint(options.checkpoint, like, "cpu")


def started_from(path: Path, model: Network) -> tuple[dict[str, Tensor], int]:
    """A whole state for `model`, which has first weights, and how many tensors of a file are in it.

    See `widened`. ModelError if nothing in the file fits.
    """
    state, taken = widened(normalise(read_weights(path)), model.state_dict())
    if not taken:
        raise ModelError(
            f"none of the tensors in {path} fits the network; "
            "start from weights of the same or a similar network of ours"
        )
    return state, taken
