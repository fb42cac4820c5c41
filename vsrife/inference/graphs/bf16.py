"""precision="bf16": convolutions in bf16, all else in fp32, on CPUs that multiply in bf16.

bf16 has the range of fp32 and 8 bits. That is enough for convolutions, which sum in fp32, and too
little for coordinates: a whole network in bf16 warps from wrong places (docs/performance.md).
`bf16_graphs` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from vsrife.errors import ArgumentError
from vsrife.inference.base import Hardware, read_device
from vsrife.inference.select import ON_DEVICE

NAME, BACKEND = "bf16", "openvino"  # the one that can
_KINDS = (*ON_DEVICE, "cpu")


def check(
    backend: str | None, hardwares: Sequence[Hardware], *, graph: bool = False, trt: bool = False
) -> None:
    """ArgumentError for what precision="bf16" cannot be asked for together with. Whether the CPU
    has it is known when the backend is opened."""
    other = ""
    if backend not in (None, BACKEND):
        other = f"backend={backend!r}"
    elif trt:
        other = "trt=True"
    for hardware in hardwares:
        for argument in ("provider", "memory_limit"):
            if getattr(hardware, argument) is not None:
                other = f"{argument}={getattr(hardware, argument)!r}"
        if hardware.device is not None and read_device(hardware.device, _KINDS).kind != "cpu":
            other = f"device={hardware.device!r}"
    if graph:
        other = "an ONNX file as model, whose numbers are what they are"
    if other:
        raise ArgumentError(
            f'precision="{NAME}" is for backend "{BACKEND}" on a CPU, and not for {other}; '
            "leave one of them out"
        )
