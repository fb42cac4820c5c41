"""How much what a session gives is like fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.backends import starting
from vsrife.backends.providers import Chosen, row_of

Values = Mapping[str, NDArray[Any]]
_TYPES = {"tensor(float16)": np.float16, "tensor(float)": np.float32}


def measure(ort: Any, chosen: Chosen, session: Any, exact: bytes, feeds: Values) -> float:
    """PSNR in dB, worst output, of `session` against the fp32 graph `exact` on the same inputs.

    That one runs on CUDA without TF32 if the GPU's other provider is there, else on the CPU.
    """
    cuda = [
        (n, o | {"use_tf32": "0"}) for n, o in chosen.arguments if n == row_of("cuda").full_name
    ]
    plain, arguments = (("cuda",), cuda) if cuda else (("cpu",), [(row_of("cpu").full_name, {})])
    other = starting.start(ort, exact, Chosen(plain, tuple(arguments), strict=False))
    names = [output.name for output in session.get_outputs()]
    ours, theirs = (each.run(names, _typed(each, feeds)) for each in (session, other))
    pairs = zip(ours, theirs, strict=True)
    return min(_psnr(a, b) for a, b in pairs if b.size > 1)  # confidence is a mean of all


def _typed(session: Any, feeds: Values) -> dict[str, NDArray[Any]]:
    """The inputs that a session has, in their types: graphs in fp16 take features in fp16."""
    return {each.name: feeds[each.name].astype(_TYPES[each.type]) for each in session.get_inputs()}


def _psnr(ours: NDArray[Any], truth: NDArray[Any]) -> float:
    """Peak is the range of the truth, which is no picture where it is features or motion."""
    wanted = truth.astype(np.float64)
    error = float(np.square(ours.astype(np.float64) - wanted).mean())
    peak = max(float(np.ptp(wanted)), 1e-6)
    return float(10 * np.log10(peak**2 / error)) if error else float("inf")
