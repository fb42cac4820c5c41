"""Every row on every target, against PyTorch: what an export costs, and how far pictures are off.

    python -m tests.network.targets_table [ROW or WEIGHTS ...]    a table in Markdown, on stdout

Rows have random weights. Pictures are two of the demo film, 128 ms apart. Seconds are of this
process's CPU time, for the export alone, in fp32. Without a target's package, its cells are empty.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from tests.golden import formula
from tests.network.exported import OPENERS, Array, T
from tests.network.tflite_cases import state_of
from tests.support.scripts import finish
from vsrife.errors import ArgumentError
from vsrife.media.demo_film import draw
from vsrife.network import build
from vsrife.network.files.targets import FileOptions, builder
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import ARCHS, ROWS, Row, arch_of
from vsrife.weights import read_arrays


def size_of(row: Row) -> tuple[int, int]:
    """About 256x128: what every network takes that is here."""
    unit = row.pad_unit(1.0)
    return max(256, unit), max(128, unit)


def frames(row: Row) -> tuple[Array, Array]:
    width, height = size_of(row)
    pictures = (draw(t)[-height:, :width].transpose(2, 0, 1)[None] for t in (0.4, 0.528))
    left, right = (np.ascontiguousarray(picture, np.float32) for picture in pictures)
    return left, right


def measured(name: str, state: dict[str, Array]) -> Iterator[str]:
    """Cells of a row of the table."""
    row = arch_of(name)
    net = build(name, state_dict={key: torch.from_numpy(value) for key, value in state.items()})
    with torch.inference_mode():
        wanted = net(*map(torch.from_numpy, frames(row)), T).numpy()
    for target, opened in OPENERS.items():
        size = size_of(row) if target == "tflite" else None
        try:
            build_files = builder(target)
            start = time.process_time()
            files = build_files(state, row, FileOptions(size=size), {"model": name})
            spent = time.process_time() - start
            off = np.abs(opened(files)(*frames(row)) - wanted).max()
            cell = f"{off:.0e}, {spent:.1f} s, {sum(map(len, files.values())) / 1e6:.1f} MB"
        except ArgumentError:  # a row that the target cannot express
            cell = "-"
        yield cell


def random_state(name: str) -> dict[str, Array]:
    """Weights that move pixels; those of rows that are known elsewhere are the same there."""
    return formula.make_state(name) if name in ARCHS else state_of(arch_of(name))


def main(asked: list[str]) -> int:
    torch.set_num_threads(1)
    print("| network |", " | ".join(OPENERS), "|")
    print("|---" * (1 + len(OPENERS)) + "|")
    for each in asked or list(ROWS):
        state, name = {}, each
        if Path(each).is_file():
            state = dict(normalise(read_arrays(Path(each))))
            name = recognise(state)
        with suppress(ImportError):
            cells = measured(name, state or random_state(name))
            print(f"| `{Path(each).stem if state else name}` |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    finish(lambda: main(sys.argv[1:]))
