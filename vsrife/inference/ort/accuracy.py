"""How much what a session gives is like fp32, on two frames between which something moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrife.inference import arrays
from vsrife.inference.base import Planes
from vsrife.inference.ort import sessions
from vsrife.inference.ort.providers import Chosen, row_of
from vsrife.inference.psnr import psnr
from vsrife.network.options import V1_PLANES

Values = Mapping[str, NDArray[Any]]
Sample = Callable[[], tuple[Planes, Planes] | None]
_FEW = ("confidence", "largest")  # single numbers, made of all pixels
_PEAKS = {"motion": 16.0}  # pixels
_NOTHING = 0.1  # range of a picture
_TYPES = {"tensor(float16)": np.float16, "tensor(float)": np.float32}


def measure(ort: Any, chosen: Chosen, session: Any, exact: bytes, feeds: Values) -> float:
    """PSNR in dB, worst output, of `session` against the fp32 graph `exact` on the same inputs.

    That one runs on CUDA without TF32 if the GPU's other provider is there, else on the CPU.
    """
    cuda = [
        (n, o | {"use_tf32": "0"}) for n, o in chosen.arguments if n == row_of("cuda").full_name
    ]
    plain, arguments = (("cuda",), cuda) if cuda else (("cpu",), [(row_of("cpu").full_name, {})])
    other = sessions.start(ort, exact, Chosen(plain, tuple(arguments), strict=False))
    names = [output.name for output in session.get_outputs()]
    ours, theirs = (each.run(names, _typed(each, feeds)) for each in (session, other))
    pairs = zip(ours, theirs, strict=True)
    return min(
        # features may have a larger range than pictures
        psnr(mine, true, max(float(np.ptp(true.astype(np.float64))), _PEAKS.get(name, 1.0)))
        for name, (mine, true) in zip(names, pairs, strict=True)
        if name not in _FEW
    )


def _typed(session: Any, feeds: Values) -> dict[str, NDArray[Any]]:
    """The inputs that a session has, in their types: graphs in fp16 take features in fp16."""
    return {each.name: feeds[each.name].astype(_TYPES[each.type]) for each in session.get_inputs()}


def feeds_of(inputs: Mapping[str, Sequence[int | None]], sample: Sample | None) -> Values:
    """Inputs for a graph of which only those are known: ours, or vs-mlrt's and VSGAN's, whose one
    input has all planes (see `files`). inputs: shapes; open sides are taken to be 256."""
    sizes = {name: tuple(side or 256 for side in shape) for name, shape in inputs.items()}
    height, width = next(iter(sizes.values()))[2:]
    pair = dict(zip(("left", "right"), pair_of(sample, (width, height)), strict=True))
    if len(sizes) > 1 or "image" in sizes:
        # features of an encoder are any numbers, so pictures will do
        given = {"image": pair["left"], **pair}
        return {
            name: np.resize(given[name], shape) if name in given else np.full(shape, 0.5, "f4")
            for name, shape in sizes.items()
        }
    ((name, shape),) = sizes.items()
    across = np.broadcast_to(np.linspace(-1, 1, width), (height, width))
    down = np.broadcast_to(np.linspace(-1, 1, height)[:, None], (height, width))
    steps = [np.full((height, width), 2 / (side - 1)) for side in (width, height)]
    rest = [across, down, *steps] if shape[1] == V1_PLANES else [np.ones((height, width))]
    planes = [*pair["left"][0], *pair["right"][0], np.full((height, width), 0.5), *rest]
    return {name: np.stack(planes[: shape[1]])[None].astype(np.float32)}


def pair_of(sample: Sample | None, size: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two frames (1, 3, H, W) for a check, padded to `size` (W, H): those of the sample, drawn ones
    where there is none, or where it shows next to nothing."""
    if sample is not None and (found := sample()) is not None:
        left, right = (arrays.padded(planes[:3], size) for planes in found)
        if float(np.ptp(np.asarray(left, np.float32))) > _NOTHING:
            return left, right
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    first, second = (_drawn(x - shift, y - shift / 2) for shift in (0, 6))
    return first, second


def _drawn(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    waves = np.sin(x / 5) * np.cos(y / 7) + np.sin((x + 2 * y) / 23) + np.cos((3 * x - y) / 61)
    shares = np.array([1.3, 1.0, -0.8], np.float32)[:, None, None] / 8
    return (0.5 + waves * shares)[None].astype(np.float32)
