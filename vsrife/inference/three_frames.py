"""Networks that read three frames: which backend runs them, and what cannot be asked of them."""

from __future__ import annotations

from collections.abc import Mapping

from vsrife.errors import ArgumentError, ModelError
from vsrife.inference.auto_scale import AUTO
from vsrife.inference.base import Backend, Hardware, Note
from vsrife.inference.select import open_backend
from vsrife.network.state_dict import ThreeFramesError

_BACKEND = "pytorch"  # the one that has these networks
_NOT_HEEDED = ("provider", "memory_limit", "threads", "num_streams")
_USUAL = Hardware()


def backend_for(
    hardware: Hardware,
    asked: Mapping[str, str | None],
    error: ThreeFramesError,
    note: Note,
    *,
    trt: bool,
) -> Backend:
    """The backend for weights that another one has refused with `error`.

    asked: further arguments that ask for another one, unless they are None; trt: TensorRT is wished
    for, and `note` hears that it is left out. ModelError where something else stands in the way,
    BackendError if PyTorch is not there.
    """
    reason = (
        f"the weights are of {error.name}, which reads three frames and runs with backend "
        f"{_BACKEND!r} alone"
    )
    values = {name: getattr(hardware, name) for name in _NOT_HEEDED}
    others = {name: value for name, value in values.items() if value != getattr(_USUAL, name)}
    others |= {name: value for name, value in asked.items() if value is not None}
    if others:
        named = " and ".join(f"{name}={value!r}" for name, value in others.items())
        raise ModelError(f"{reason}; leave out {named}")
    if trt:
        note(f"trt=True runs without TensorRT: {reason}")
    return open_backend(_BACKEND, hardware, note=note)


def check(tta: str | None, scale: float | str) -> None:
    """ArgumentError for what needs both directions of time to be alike, or motion to be told."""
    if tta in ("time", "both"):
        raise ArgumentError(
            f'tta="{tta}" goes backwards in time, and the third frame of this network does not; '
            'leave it out, or use tta="flip"'
        )
    if scale == AUTO:
        raise ArgumentError(
            f'scale="{AUTO}" needs the motion between two frames, which a network of three does '
            "not tell; give a number, or choose another model"
        )
