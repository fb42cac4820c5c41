"""Ways to make the frames that were left out of a film, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import BackendError, missing_package
from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.minterpolate import minterpolate
from vsrife.filter import rife
from vsrife.network.state_dict import recognise
from vsrife.network.table import arch_of, cost, parameters
from vsrife.weights import find_weights, is_graph, model_name, read_arrays

# Makes the frames that were left out of a film, in order, each when it is asked for
Run = Callable[[Film], Iterator[Picture]]


@dataclass(frozen=True)
class Method:
    """parameters, cost: of a network, as network/table.py counts them; 0 if it is none."""

    run: Run
    parameters: int = 0
    cost: float = 0.0


def hold(film: Film) -> Iterator[Picture]:
    return film.pictures(film.kept[: film.count])


def blend(film: Film) -> Iterator[Picture]:
    return ((left + right) / np.float32(2) for left, right in pairwise(film.pictures(film.kept)))


def mvtools(film: Film) -> Iterator[Picture]:
    """FlowFPS with common settings: blocks of 16, half overlapping, half-pixel steps."""
    if not hasattr(vs.core, "mv"):
        raise missing_package("mvtools", "eval", "its VapourSynth plugin")
    clip = film.kept_yuv.std.AssumeFPS(fpsnum=25, fpsden=1)
    try:
        pyramid = clip.mv.Super(pel=2)
        backward, forward = (
            pyramid.mv.Analyse(isb=isb, blksize=16, overlap=8) for isb in (True, False)
        )
        double = clip.mv.FlowFPS(pyramid, backward, forward, num=50, den=1, mask=2)
    except vs.Error as error:
        raise BackendError(
            f"mvtools cannot take {film.name}, {clip.width}x{clip.height}: {error}; "
            "leave it out of --against"
        ) from error
    return film.pictures(double[1::2][: film.count])


CLASSICAL = {
    "hold": Method(hold),
    "blend": Method(blend),
    "mvtools": Method(mvtools),
    "minterpolate": Method(minterpolate),
}


def network(model: str | Path, **options: Any) -> Method:
    """The filter with a model, by name or file. options: of rife().

    The cost of a graph is not counted.
    """
    path = find_weights(model)
    name = model_name(model)
    if name is None and not is_graph(path):
        name = recognise(read_arrays(path))

    def run(film: Film) -> Iterator[Picture]:
        double = rife(film.to_rgb(film.kept), model=model, **options)
        return film.pictures(double[1::2][: film.count])

    if name is None:
        return Method(run)
    return Method(run, parameters(arch_of(name)), cost(arch_of(name)))
