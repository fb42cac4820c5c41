"""What DistilDRBA's own code makes of weights and pictures that are numbers from a formula.

    python -m tests.network.triple_golden check    compares triple.npz with the peer; writes nothing
    python -m tests.network.triple_golden make     writes triple.npz

The peer, the package vsdrba-distilled (MIT), is installed by pip into a temporary folder; it has no
weights in it, and only its network is loaded. Exit code: 0 if all agree within tolerance, or the
file was written; 1 if not; 2 if the peer could not be had.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.golden.formula import make_images, unit_numbers
from vsrife.network.table import TRIPLES, state_shapes

Array = NDArray[np.float32]

PEER, PACKAGE = "vsdrba-distilled==1.0.0", "vsdrba_distilled"
GOLDENS = Path(__file__).with_name("triple.npz")
TOLERANCE = 1e-4  # of pictures in 0..1; seen are 2e-6, which is fp32 rounding
SIZES = {1.0: (128, 64), 0.5: (128, 128), 2.0: (128, 64)}  # of scales: width and height
CASES = [(1.0, 0.5), (1.0, 0.8), (1.0, 1.25), (1.0, 1.5), (0.5, 0.75), (2.0, 1.25)]
EVERY = 2  # pixels of a row and a column that are kept


@functools.cache
def state() -> dict[str, Array]:
    """Weights that move pixels; exact in fp16, so that they are the same everywhere."""
    found = {}
    for key, shape in state_shapes(TRIPLES["distildrba"]).items():
        numbers = (2 * unit_numbers(f"triple/{key}", int(np.prod(shape))) - 1) * np.sqrt(3.0)
        numbers = numbers.reshape(shape)
        if key.endswith(".beta"):
            numbers = 1 + 0.25 * numbers
        elif key.endswith(".bias"):
            numbers = 0.2 * numbers
        else:
            taps = 4 * shape[0] if shape[2] == 4 else 9 * shape[1]
            numbers = numbers * (0.4 if "lastconv" in key else 1.1) / np.sqrt(taps)
        found[key] = numbers.astype(np.float16).astype(np.float32)
    return found


@functools.cache
def frames(scale: float) -> list[Array]:
    """Three pictures (1, 3, H, W) of the size for that scale."""
    width, height = SIZES[scale]
    pictures = [*make_images(height, width), make_images(height, width, seed=1)[0]]
    return [picture[None] for picture in pictures]


def name_of(scale: float, timestep: float) -> str:
    return f"scale {scale:g}, timestep {timestep:g}"


def kept(picture: Array) -> Array:
    """The part of a picture (1, 3, H, W) that is in the file."""
    return picture[0, :, ::EVERY, 1::EVERY]


def goldens() -> dict[str, Array]:
    with np.load(GOLDENS) as file:
        return dict(file)


def by_peer(folder: Path) -> Iterator[tuple[str, Array]]:
    import torch

    package: Any = ModuleType("peer")  # without its __init__, which wants a GPU's packages
    package.__path__ = [str(folder / PACKAGE)]
    sys.modules["peer"] = package
    network = import_module("peer.distilDRBA_v2_lite").IFNet
    torch.set_num_threads(1)  # the rounding of a sum depends on how it is split
    for scale, timestep in CASES:
        net = network(scale).eval()
        net.load_state_dict({key: torch.from_numpy(value) for key, value in state().items()})
        with torch.inference_mode():
            image = net(*map(torch.from_numpy, frames(scale)), torch.tensor([timestep]))
        yield name_of(scale, timestep), kept(image.numpy())


def main(mode: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, PEER]
        if subprocess.run(pip, stdout=sys.stderr).returncode:
            print(f"pip could not install {PEER}", file=sys.stderr)
            return 2
        found = dict(by_peer(Path(folder)))
    if mode == "make":
        np.savez_compressed(GOLDENS, **{name: x.astype("<f4") for name, x in found.items()})
        print(f"{GOLDENS.name} is written")
        return 0
    old = goldens()
    worst = {name: np.abs(x - old[name]).max() if name in old else 1 for name, x in found.items()}
    for name, difference in worst.items():
        print(f"{name}: {difference:.1e}")
    return int(max(worst.values()) > TOLERANCE or old.keys() != found.keys())


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["make"]):
        sys.exit(f"usage: python -m tests.network.triple_golden check|make\n{__doc__}")
    sys.exit(main(sys.argv[1]))
