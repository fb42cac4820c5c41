"""Peers that `vsrife bench --against` runs on the same weights and the same clip."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vsrife.errors import ArgumentError
from vsrife.evaluation.timing.workers import Contender
from vsrife.export import export_model
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import VERSIONS
from vsrife.weights import find_weights, is_graph, read_arrays

PEERS = ("vs-rife", "vs-mlrt")
PLUGINS = {"openvino": "ov", "onnx": "ort"}  # of vs-mlrt, by the backend that is the same runtime


class Peer(NamedTuple):
    """name: of PEERS; place: a Python whose environment has it, a folder or a wheel with it; None:
    this environment."""

    name: str
    place: Path | None


def read_peers(text: str | None) -> list[Peer]:
    """ "vs-rife=PLACE,vs-mlrt" as peers; ArgumentError for other names and for what is not there.

    vs-rife needs a place: its package has the same name as ours.
    """
    peers = []
    for word in (text or "").split(","):
        name, equals, place = (part.strip() for part in word.partition("="))
        if not word.strip():
            continue
        if name not in PEERS:
            raise ArgumentError(f"against must be of {', '.join(PEERS)}, not {name!r}")
        if name == "vs-rife" and not place:
            raise ArgumentError(
                "against=vs-rife needs its place, since its package is also named vsrife: "
                "vs-rife=WHEEL, or =FOLDER, or =PYTHON of its environment"
            )
        if equals and not Path(place).exists():
            raise ArgumentError(f"against={word.strip()!r}: {place!r} does not exist")
        peers.append(Peer(name, Path(place).absolute() if equals else None))
    return peers


def contenders(
    peer: Peer, model: str, size: tuple[int, int], threads: int | None, folder: Path
) -> dict[str, Contender]:
    """The peer on these weights, by the name of its column. folder: for files that it needs.

    ArgumentError for weights that it cannot run.
    """
    if is_graph(model):
        raise ArgumentError(f"against={peer.name} needs weights, not the graph {model}")
    place = _place(peer, folder)
    weights = find_weights(model)
    if peer.name == "vs-rife":
        return {"vs-rife": _vs_rife(weights, threads, folder, place)}
    width, height = size
    # files of two folders may have one name
    own = hashlib.sha256(os.fsencode(weights.absolute())).hexdigest()[:16]
    graph = folder / f"{weights.stem}-{own}-{width}x{height}.onnx"
    if not graph.exists():
        export_model(weights, graph, layout="v2", size=size)
    options = {"graph": str(graph), "threads": threads}
    return {
        f"vs-mlrt {plugin}": Contender("vs-mlrt", options | {"plugin": plugin}, *place)
        for plugin in PLUGINS.values()
    }


def _vs_rife(
    weights: Path, threads: int | None, folder: Path, place: tuple[str, tuple[str, ...]]
) -> Contender:
    state = normalise(read_arrays(weights))
    row = recognise(state)
    official = [name for name, arch in VERSIONS.items() if arch == row and name[0].isdigit()]
    if not official:
        raise ArgumentError(
            f"against=vs-rife cannot run {weights.stem}, whose network it does not have; "
            "name an official one as models, such as 4.25"
        )
    path = folder / f"{weights.stem}.npz"
    arrays: dict[str, Any] = {key: np.asarray(value, np.float32) for key, value in state.items()}
    np.savez(path, **arrays)
    options = {"model": official[0], "weights": str(path), "threads": threads}
    return Contender("vs-rife", options, *place)


def _place(peer: Peer, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Python and the folders in which it looks first."""
    place = peer.place
    if place is None:
        return sys.executable, ()
    if place.is_dir():
        return sys.executable, (str(place),)
    if place.suffix == ".whl":
        into = folder / place.stem
        if not into.exists():
            with zipfile.ZipFile(place) as wheel:
                wheel.extractall(into)
        return sys.executable, (str(into),)
    return str(place), ()
