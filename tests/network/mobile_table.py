"""TFLite files of networks for phones side by side: size, operations, loss, and time if asked for.

    python -m tests.network.mobile_table [ROW or WEIGHTS ...] [--film FILE] [--times]

prints a table in Markdown. dB: of files of weights, over PAIRS pairs of every second frame of the
film, against the frame left out; rows have random weights, so they get none. Frames are 640x384,
those of a film as they are. --times: milliseconds of one thread's CPU time for a new frame, the
best of three, without the warp that follows motion only; for a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.network.targets_table import random_state
from tests.network.tflite_runtime import Tflite
from tests.support.scripts import finish
from vsrife.evaluation.film_files import open_film
from vsrife.inference.psnr import psnr
from vsrife.network.files import tflite_files
from vsrife.network.files.targets import FileOptions
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import Arch, Row, arch_of, cost
from vsrife.weights import read_arrays

Array = NDArray[np.float32]
ROWS = ("4.25", "nano", "micro", "mobile3", "mobile1")
SIZE = (640, 384)
PAIRS = 6
WARP = Path(__file__).parents[2] / "docs/examples/warp/warp.py"
Triple = tuple[Array, Array, Array]  # left, the frame left out, right; (H, W, 3)


class File(NamedTuple):
    """A row of the table. count: of blocks, None for all."""

    words: str
    options: FileOptions
    count: int | None = None


def files(row: Row) -> Iterator[File]:
    for precision in ("fp32", "fp16", "int8"):
        yield File(f"whole, {precision}", FileOptions(precision=precision))
    yield File("motion only", FileOptions(flow_only=True))
    if not isinstance(row, Arch):
        return
    for count in (len(row.widths) - 1, 1):
        words = f"motion only, {count} block{'s' * (count > 1)}"
        yield File(words, FileOptions(flow_only=True, blocks=count), count)


def triples(film: Path) -> list[Triple]:
    opened = open_film(film, 2 * PAIRS + 1)
    frames = [picture.astype(np.float32) for picture in opened.pictures(opened.source)]
    return list(zip(frames[:-2:2], frames[1::2], frames[2::2], strict=True))


def new_frame(run: Tflite, left: Array, right: Array, size: tuple[int, int]) -> Array:
    """Padded to that size, and cut again."""
    height, width = left.shape[:2]
    edges = ((0, size[1] - height), (0, size[0] - width), (0, 0))
    one, two = (np.pad(frame, edges, "edge") for frame in (left, right))
    timestep = np.full((1, 1, 1, 1), 0.5, np.float32)
    found = run({"left": one[None], "right": two[None], "timestep": timestep})
    if "image" in found:
        return found["image"][0, :height, :width]
    warped = runpy.run_path(str(WARP))["new_frame"](one, two, found["flow"][0], found["mask"][0])
    cut: Array = warped[:height, :width]
    return cut


def milliseconds(run: Tflite, size: tuple[int, int]) -> float:
    frame = np.random.default_rng(0).random((1, size[1], size[0], 3), np.float32)
    feeds = {"left": frame, "right": frame, "timestep": np.full((1, 1, 1, 1), 0.5, np.float32)}
    spent = []
    for _ in range(4):  # the first one makes tables
        before = os.times()
        run(feeds)
        after = os.times()
        spent.append(after.user + after.system - before.user - before.system)
    return 1000 * min(spent[1:])


def cells(
    name: str, state: dict[str, Array], file: File, films: list[Triple], *, times: bool
) -> Iterator[str]:
    row = arch_of(name)
    least = (films[0][0].shape[1], films[0][0].shape[0]) if films else SIZE
    size = padded_size(least, row.pad_unit(1.0))
    options = replace(file.options, size=size)
    writer = tflite_files.write(state, row, options, {"model": name})
    nodes = [node for node in writer.nodes() if node.kind != "DEQUANTIZE"]
    content = tflite_files.build(state, row, options, {"model": name})[".tflite"]
    part = row.first(file.count) if isinstance(row, Arch) and file.count else row
    yield f"{len(content) / 1e6:.1f}"
    yield f"{len(nodes)}, {sum(tflite_files.unlisted(nodes).values())}"
    yield f"{cost(part):,.0f}".replace(",", " ")
    run = Tflite(content)
    if films:
        found = (new_frame(run, one, two, size).clip(0, 1) for one, _, two in films)
        yield f"{mean(psnr(f, truth) for f, (_, truth, _) in zip(found, films, strict=True)):.2f}"
    else:
        yield ""
    if times:
        yield f"{milliseconds(run, size):.0f}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=ROWS)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--times", action="store_true")
    args = parser.parse_args()
    films = triples(args.film) if args.film else []
    heads = ["network", "file", "MB", "operations, not on the GPU list", "MAC per pixel", "dB"]
    heads += ["ms"] * args.times
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for each in args.networks:
        real = Path(each).is_file()
        state = dict(normalise(read_arrays(Path(each)))) if real else random_state(each)
        name = recognise(state)
        for file in files(arch_of(name)):
            line = cells(name, state, file, films if real else [], times=args.times)
            print(f"| `{name}` | {file.words} | {' | '.join(line)} |", flush=True)
    return 0


if __name__ == "__main__":
    finish(main)
