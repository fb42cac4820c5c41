"""Exports in fp16 on frames of films, against PyTorch in fp32: dB, where 50 are promised.

    python -m tests.network.half_table MODEL or WEIGHTS ... --films FILE ...

prints a table in Markdown: for each target the least over all pairs, and the median in brackets. Of
each film PAIRS pairs of frames, two frames apart and spread over it, reduced to about 320x192.
Weights that are stored in fp16 get fractions of a step more, in fp32, that round away again: as the
weights had that somebody trained, whose rounding is part of the loss. On a CPU, ncnn and TFLite
compute in fp32, and only weights are fp16.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
import vapoursynth as vs

from tests.network.exported import OPENERS, Array, T
from tests.support.scripts import finish
from vsrife.errors import ArgumentError
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import open_film
from vsrife.inference.psnr import psnr
from vsrife.network import build
from vsrife.network.files.targets import FileOptions, builder
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import Row, arch_of
from vsrife.weights import find_weights, read_arrays

SIZE = (320, 192)  # at least
PAIRS = 4
Pairs = Sequence[tuple[Array, Array]]


def of_film(film: Film, row: Row, count: int = PAIRS) -> Iterator[tuple[Array, Array]]:
    """Pairs of frames (1, 3, H, W), in a size that the row takes."""
    width, height = padded_size(SIZE, row.pad_unit(1.0))

    def picture(frame: vs.VideoFrame) -> Array:
        return np.stack([np.asarray(frame[plane]) for plane in range(3)])[None].clip(0, 1)

    small = film.to_rgb(film.source).resize.Bicubic(width, height)
    for i in range(count):
        first = i * (small.num_frames - 3) // max(count - 1, 1)
        with small.get_frame(first) as left, small.get_frame(first + 2) as right:
            yield picture(left), picture(right)


def unrounded(state: dict[str, Array]) -> dict[str, Array]:
    """The weights, between the numbers that fp16 has; those that are already stay as they are."""
    numbers = np.random.default_rng(0)
    found = {}
    for key, value in state.items():
        if (value == value.astype(np.float16)).all():
            steps = numbers.uniform(-0.5, 0.5, value.shape) * np.spacing(value.astype(np.float16))
            found[key] = (value + steps).astype(np.float32)
    return state | found


def differences(name: str, state: dict[str, Array], target: str, pairs: Pairs) -> list[float]:
    """dB of each pair's new frame. ArgumentError if the target cannot write this network."""
    size = (pairs[0][0].shape[3], pairs[0][0].shape[2]) if target == "tflite" else None
    options = FileOptions(size=size, precision="fp16")
    run = OPENERS[target](builder(target)(state, arch_of(name), options, {"model": name}))
    net = build(name, state_dict={key: torch.from_numpy(value) for key, value in state.items()})
    with torch.inference_mode():
        wanted = [net(*map(torch.from_numpy, pair), T).numpy() for pair in pairs]
    return [psnr(run(*pair), right) for pair, right in zip(pairs, wanted, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--films", nargs="+", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| network |", " | ".join(OPENERS), "|")
    print("|---" * (1 + len(OPENERS)) + "|")
    for each in args.models:
        state = dict(normalise(read_arrays(find_weights(each))))
        name = recognise(state)
        state = unrounded(state)
        pairs = [p for film in args.films for p in of_film(open_film(film, 0), arch_of(name))]
        cells = []
        for target in OPENERS:
            try:
                found = differences(name, state, target, pairs)
                cells.append(f"{min(found):.0f} ({median(found):.0f})")
            except ArgumentError:  # a row that the target cannot express
                cells.append("-")
        print(f"| `{name}` |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    finish(main)
