"""Ways to make the frames that were left out of a film, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.methods import classical
from vsrife.evaluation.methods.minterpolate import minterpolate
from vsrife.filter import rife
from vsrife.network.state_dict import recognise
from vsrife.network.table import arch_of, cost, parameters
from vsrife.weights import find_weights, is_graph, model_name, read_arrays

# Makes the frames that were left out of a film, in order, each when it is asked for
Run = Callable[[Film], Iterator[Picture]]


@dataclass(frozen=True)
class Method:
    """parameters, cost: of a network, as network/table.py counts them; 0 if it is none or a graph.
    plugins: VapourSynth's namespaces that it needs. package: the one of Python that it needs.
    file: of a network's weights."""

    run: Run
    parameters: int = 0
    cost: float = 0.0
    plugins: tuple[str, ...] = ()
    package: str | None = None
    file: Path | None = None

    @property
    def installed(self) -> bool:
        return self.missing is None

    @property
    def missing(self) -> str | None:
        """What it needs and is not installed, in words; None if it can run."""
        if not all(hasattr(vs.core, name) for name in self.plugins):
            return "its VapourSynth plugin"
        if self.package is not None and find_spec(self.package.replace("-", "_")) is None:
            return self.package
        return None


CLASSICAL = {
    "hold": Method(classical.hold),
    "blend": Method(classical.blend),
    "mvtools": Method(classical.mvtools, plugins=("mv",)),
    "mvutensils": Method(classical.mvutensils, plugins=("mvu",)),
    "svpflow": Method(classical.svpflow, plugins=("svp1", "svp2")),
    "minterpolate": Method(minterpolate, package="imageio-ffmpeg"),
}


def usual() -> list[str]:
    """Classical methods that are installed: not every system has wheels of all plugins."""
    return [name for name, method in CLASSICAL.items() if method.installed]


def network(model: str | Path, **options: Any) -> Method:
    """The filter with a model, by name or file, in fp32. options: of rife(), but for precision.

    The cost of a graph is not counted.
    """
    path = find_weights(model)
    name = model_name(model)
    # the same figures on every machine: on some, our models would be in bf16. A graph has its own
    precision = None if is_graph(path) else "fp32"
    if name is None and not is_graph(path):
        name = recognise(read_arrays(path))

    def run(film: Film) -> Iterator[Picture]:
        kept = film.to_rgb(film.kept)
        made = rife(kept, model=model, factor_num=film.factor, precision=precision, **options)
        return film.pictures(film.between(made))

    if name is None:
        return Method(run, file=path)
    return Method(run, parameters(arch_of(name)), cost(arch_of(name)), file=path)
